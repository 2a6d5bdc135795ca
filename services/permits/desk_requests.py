"""What officers send with their acts, and the checks that need the kind of permit."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.kit.indonesia import rupiah
from services.kit.problem import FieldError, Text, unprocessable
from services.permits.catalogue import Kind
from services.permits.form import all_items
from services.permits.store import new_billing_code

Sentence = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=1000)]


class CorrectionItem(BaseModel):
    """One thing to correct, `documents.<code>` or `details.<code>`, and what is wrong with it."""

    model_config = ConfigDict(extra="forbid")
    item: str = Field(max_length=64)
    note: Sentence


class CorrectionRequest(BaseModel):
    """Everything to correct, at once: to be asked again and again is what applicants complain of."""

    model_config = ConfigDict(extra="forbid")
    items: list[CorrectionItem] = Field(min_length=1, max_length=50)


class LevyOrder(BaseModel):
    """The retribution in rupiah; by default what the catalogue proposes. Another amount needs its reason."""

    model_config = ConfigDict(extra="forbid")
    amount: int | None = Field(default=None, ge=1, le=10**12)
    explanation: Sentence | None = None


class PaymentCheck(BaseModel):
    """Whether a payment that differs from the order is accepted."""

    model_config = ConfigDict(extra="forbid")
    accept: bool
    reason: Sentence


class Refusal(BaseModel):
    """Why an application is refused; shown to the applicant with the way to appeal."""

    model_config = ConfigDict(extra="forbid")
    reason: Sentence


def check_items(wanted: CorrectionRequest, kind: Kind) -> None:
    """Raise a 422 when an item is none of this kind's, or named twice."""
    known = all_items(kind)
    names = [one.item for one in wanted.items]
    errors = [
        FieldError(f"items.{place}.item", Text(f"Pilihan: {', '.join(sorted(known))}.", f"One of: {sorted(known)}."))
        for place, item in enumerate(names)
        if item not in known
    ]
    if len(set(names)) < len(names):
        errors.append(FieldError("items", Text("Butir diulang.", "An item is named twice.")))
    if errors:
        raise unprocessable(*errors)


def order_detail(wanted: LevyOrder, kind: Kind, details: Mapping[str, Any]) -> dict[str, Any]:  # Any: JSON
    """Return the detail of the `levy_set` event; an amount other than the rate's must be explained."""
    proposed, levy = kind.proposed_levy(details), kind.fee.levy
    amount = proposed if wanted.amount is None else wanted.amount
    explanation = wanted.explanation
    if explanation is None:
        if amount != proposed or levy is None:
            text = Text("Jelaskan jumlah yang berbeda dari tarif.", "Explain an amount that differs from the rate.")
            raise unprocessable(FieldError("explanation", text, "missing"))
        explanation = f"{details[levy.field]} x {rupiah(levy.rupiah_per_unit)}"
    return {"billing_code": new_billing_code(), "amount": amount, "explanation": explanation}
