"""The service's OpenAPI 3.1 document, put together from one file for each audience."""

from services.complaints.catalogue import Catalogue, load_catalogue
from services.complaints.openapi import desk_paths, own_paths, public_paths
from services.complaints.openapi.sent import sent_schemas
from services.complaints.openapi.shown import shown_schemas
from services.kit.openapi import Json
from services.kit.openapi import document as assemble


def document(catalogue: Catalogue | None = None) -> Json:
    """Return the whole document."""
    known = catalogue or load_catalogue()
    return assemble(
        title="Laksa",
        description=(
            "Layanan Aspirasi, Kontak, dan Saran Anda: report what is broken and see it mended. "
            "Rules marked `verified: false` are example data."
        ),
        paths={**own_paths.paths(), **public_paths.paths(known), **desk_paths.paths(known)},
        schemas={**sent_schemas(known), **shown_schemas()},
    )
