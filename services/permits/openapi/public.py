"""The public paths: catalogue, verification, certificates."""

from services.kit import openapi as doc
from services.kit.openapi import Json, ref
from services.permits import views
from services.permits.catalogue import Catalogue
from services.permits.openapi.examples import NUMBER, Examples
from services.permits.openapi.parts import ETAG, read


def public_paths(catalogue: Catalogue, examples: Examples) -> Json:
    kind = catalogue.kinds["reklame"]
    page = {"items": [views.type_summary(kind, catalogue)], "next": None}
    one = views.type_detail(kind, catalogue)
    filters = [doc.parameter(name, "query", {"type": "string"}) for name in ("code", "technical_agency")]
    code = {**doc.parameter("code", "path", {"type": "string"}), "example": "reklame"}
    number = {**doc.parameter("number", "path", {"type": "string"}), "example": NUMBER}
    verified = doc.json_answer("The permit is genuine", ref("Verification"), examples.verification, ETAG)
    return {
        "/types": {
            "get": read(
                "listTypes",
                "Everything this office grants",
                doc.json_answer("Types of permit", doc.page_schema(ref("TypeSummary")), page, ETAG),
                parameters=[
                    {"$ref": "#/components/parameters/Limit"},
                    {"$ref": "#/components/parameters/Cursor"},
                    doc.parameter("sort", "query", {"type": "string", "enum": ["code", "-code"]}),
                    *filters,
                ],
                faults=(400, 401),
            )
        },
        "/types/{code}": {
            "get": read(
                "showType",
                "Promise, fee, law, form and documents of one type",
                doc.json_answer("The type", ref("Type"), one, ETAG),
                parameters=[code],
                faults=(400, 401, 404),
            )
        },
        "/verify/{number}": {
            "get": read(
                "verifyPermit",
                "Check that a permit is genuine",
                verified,
                parameters=[number],
                faults=(400, 401, 404),
            )
        },
        "/signing-certificates": {
            "get": read(
                "signingCertificates",
                "What verifies the signatures on permits",
                {
                    "description": "Certificates as PEM, the root first",
                    "content": {"application/x-pem-file": {"schema": {"type": "string"}}},
                },
                faults=(400, 401),
            )
        },
    }
