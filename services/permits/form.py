"""Checking a form's answers against the kind's fields, and what is still missing before submission."""

from collections.abc import Mapping
from typing import Any

from services.kit.places import KECAMATAN
from services.kit.problem import FieldError, Text, unprocessable
from services.permits.case import Case
from services.permits.catalogue import Catalogue, FormField, Kind

_MAX_TEXT = 500
_KECAMATAN_CODES = tuple(place.code for place in KECAMATAN)


def check_details(kind: Kind, details: Mapping[str, Any]) -> None:  # Any: JSON
    """Raise a 422 naming every answer that does not fit its field; unanswered fields are fine in a draft."""
    fields = {field.code: field for field in kind.fields}
    errors = []
    for code, value in details.items():
        if code not in fields:
            known = ", ".join(fields)
            errors.append(_error(code, f"Isian tidak dikenal. Yang ada: {known}.", f"Unknown field. Known: {known}."))
        elif fault := _fault(fields[code], value):
            errors.append(_error(code, fault.id, fault.en))
    if errors:
        raise unprocessable(*errors)


def missing_items(kind: Kind, case: Case) -> list[str]:
    """List what the application still needs: `details.<code>` and `documents.<code>`."""
    fields = [f"details.{field.code}" for field in kind.fields if field.code not in case.details]
    documents = [
        f"documents.{document.code}"
        for document in kind.documents
        if document.required and document.code not in case.documents
    ]
    return fields + documents


def all_items(kind: Kind) -> set[str]:
    """Return every item of the application an officer may ask to correct."""
    return {f"details.{field.code}" for field in kind.fields} | {f"documents.{one.code}" for one in kind.documents}


def item_name(item: str, kind: Kind, catalogue: Catalogue) -> Text:
    """Return what an item is called."""
    group, _, code = item.partition(".")
    if group == "documents":
        return catalogue.document_names[code].text()
    return next(field.name.text() for field in kind.fields if field.code == code)


def _error(code: str, id: str, en: str) -> FieldError:
    return FieldError(f"details.{code}", Text(id, en))


def _fault(field: FormField, value: object) -> Text | None:
    match field.type:
        case "text":
            if not isinstance(value, str) or not 1 <= len(value.strip()) <= _MAX_TEXT:
                return Text(
                    f"Harus berupa teks 1 sampai {_MAX_TEXT} karakter.", f"Must be 1 to {_MAX_TEXT} characters."
                )
        case "integer":
            if isinstance(value, bool) or not isinstance(value, int) or not field.minimum <= value <= field.maximum:
                low, high = field.minimum, field.maximum
                return Text(f"Harus bilangan bulat {low} sampai {high}.", f"Must be a whole number, {low} to {high}.")
        case "choice" | "kecamatan":
            choices = field.choices if field.type == "choice" else _KECAMATAN_CODES
            if value not in choices:
                return Text(f"Pilihan yang ada: {', '.join(choices)}.", f"Must be one of: {', '.join(choices)}.")
    return None
