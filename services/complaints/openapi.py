"""The service's OpenAPI document."""

from services.kit.openapi import Json
from services.kit.openapi import document as assemble


def document() -> Json:
    """Return the whole document."""
    return assemble(title="Laksa", description="Complaints.", paths={}, schemas={})
