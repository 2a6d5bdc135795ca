"""What officers do, and what everybody may read."""

from services.identity import bodies, schemas
from services.identity.openapi.words import BODY, ID, PUBLIC, answered, not_modified, page_of, sent
from services.identity.roles import ROLE
from services.kit.openapi import (
    SIGNED_IN,
    Json,
    json_answer,
    operation,
    paging,
    parameter,
    problems,
)

_ROLE = parameter("role", "path", {"type": "string", "pattern": f"^({ROLE.pattern})$", "examples": ["officer:DPMPTSP"]})


def offices() -> Json:
    """Describe the counter and the administrators' desk."""
    account = answered("OfficeAccount", schemas.OFFICE_ACCOUNT_EXAMPLE)
    case = sent(bodies.CounterCase, {"nik": "3671990101900001", "contact": "081234567801", "seen": "ktp"})
    begun = answered("RecoveryBegun", schemas.RECOVERY_EXAMPLE, "202", "A code is on its way to the new contact")

    def call(
        name: str, summary: str, responses: Json, *statuses: int, parameters: list[Json], body: Json | None
    ) -> Json:
        wrong = BODY if body else (422,) if _ROLE in parameters else ()
        answers = {**responses, **problems(401, 403, *statuses, *wrong)}
        return operation(name, summary, security=SIGNED_IN, parameters=parameters, body=body, responses=answers)

    search = sent(bodies.RecoveryRequest, {"identifier": "3671990101900001"})
    reason = sent(bodies.Reason, {"reason": "stolen-device"})
    role = [ID, _ROLE]
    pages = paging(["created_at"], "-created_at")
    found = page_of("OfficeAccountPage", schemas.OFFICE_ACCOUNT_EXAMPLE)
    verify, recover = "Verify a NIK in person (officer:DISDUKCAPIL)", "Recover in person (officer:DISDUKCAPIL)"
    return {
        "/counter/verifications": {"post": call("verifyInPerson", verify, account, 404, 409, parameters=[], body=case)},
        "/counter/recoveries": {"post": call("recoverInPerson", recover, begun, 404, 429, parameters=[], body=case)},
        "/accounts": {"get": call("accounts", "All accounts (admin)", found, 400, parameters=pages, body=None)},
        "/accounts/search": {
            "post": call("searchAccount", "Find one (admin)", account, 404, parameters=[], body=search)
        },
        "/accounts/{id}/roles/{role}": {
            "put": call("grantRole", "Grant (admin)", account, 404, 409, parameters=role, body=None),
            "delete": call("withdrawRole", "Withdraw (admin)", account, 404, 409, parameters=role, body=None),
        },
        "/accounts/{id}/block": {
            "post": call("block", "Block (admin)", account, 404, 409, parameters=[ID], body=reason)
        },
        "/accounts/{id}/unblock": {
            "post": call("unblock", "Unblock (admin)", account, 404, 409, parameters=[ID], body=None)
        },
    }


def open_data() -> Json:
    """Describe tiers, keys, revocations, health and this document."""
    after = parameter("after", "query", {"type": "integer", "minimum": 0}, "The last `next` seen")
    wait = parameter("wait", "query", {"type": "number", "minimum": 0, "maximum": 30}, "Seconds to wait for news")

    def get(name: str, summary: str, responses: Json, *statuses: int, parameters: list[Json] | None = None) -> Json:
        return {
            "get": operation(
                name,
                summary,
                security=PUBLIC,
                parameters=parameters or [],
                responses={**responses, **problems(*statuses)},
            )
        }

    keys = {**answered("Keys", schemas.KEYS_EXAMPLE), **not_modified()}
    health = answered("Health", {"status": "ok", "service": "identity"})
    tiers = {**answered("Tiers", schemas.TIERS_EXAMPLE), **not_modified()}
    revocations = answered("Revocations", schemas.REVOCATIONS_EXAMPLE)
    own: Json = {"200": json_answer("OpenAPI 3.1", {"type": "object"}, {"openapi": "3.1.0"}), **not_modified()}
    return {
        "/tiers": get("tiers", "What each level of assurance needs and opens", tiers, 400, 401),
        "/.well-known/jwks.json": get("keys", "The public keys of access tokens (RFC 7517)", keys),
        "/.well-known/revocations": get(
            "revocations", "Tokens called back, by long polling", revocations, 400, parameters=[after, wait]
        ),
        "/healthz": get("health", "Whether the service works", health),
        "/openapi.json": get("openapi", "This document", own),
    }
