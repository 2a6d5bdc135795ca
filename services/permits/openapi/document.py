"""Assembles the document."""

from services.kit import openapi as doc
from services.kit.openapi import Json
from services.kit.workdays import Calendar
from services.permits.bank_signature import HEADER
from services.permits.catalogue import Catalogue
from services.permits.openapi.bank import bank_paths
from services.permits.openapi.citizen import citizen_paths
from services.permits.openapi.desk import desk_paths
from services.permits.openapi.examples import make_examples
from services.permits.openapi.public import public_paths
from services.permits.openapi.schemas import schemas


def build_document(catalogue: Catalogue, calendar: Calendar) -> Json:
    """Return the whole document."""
    examples = make_examples(catalogue, calendar)
    paths = {
        **public_paths(catalogue, examples),
        **citizen_paths(catalogue, examples),
        **desk_paths(catalogue, examples),
        **bank_paths(),
    }
    document = doc.document(
        title="Perizinan DPMPTSP Kota Tangerang",
        description="Permits from the first draft to the signed document anyone can verify.",
        paths=paths,
        schemas=schemas(),
    )
    document["components"]["securitySchemes"]["bank"] = {"type": "apiKey", "in": "header", "name": HEADER}
    return document
