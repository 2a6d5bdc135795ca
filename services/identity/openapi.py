"""The service's OpenAPI 3.1 document: every operation with its examples and the problems it may answer."""

from services.identity import bodies, schemas
from services.identity.roles import ROLE
from services.kit.openapi import (
    ANYONE,
    IDEMPOTENCY_KEY,
    SIGNED_IN,
    SINCE,
    Json,
    json_answer,
    json_body,
    operation,
    paging,
    parameter,
    problems,
    ref,
)
from services.kit.openapi import document as assemble

_PUBLIC: list[Json] = [{}]
_ID = parameter("id", "path", {"type": "string", "maxLength": 64})
_ROLE = parameter("role", "path", {"type": "string", "pattern": f"^({ROLE.pattern})$", "examples": ["officer:DPMPTSP"]})
_BODY = (400, 413, 415, 422)  # what may be wrong with any JSON body
_ENDED: Json = {"204": {"description": "Done"}}
_DESCRIPTION = (
    "One account for all services of the city. A claim to a NIK, an e-mail address or a phone number blocks nobody: "
    "it counts once it is proved. Access tokens live 15 minutes; a refresh token works once, and for a minute again "
    "when its answer was lost. The same is answered, in the same time, for known and unknown people."
)


def _sent(model: type[bodies.Body], example: Json) -> Json:
    return json_body(ref(model.__name__), example)


def _answer(name: str, example: Json, status: str = "200", description: str = "OK") -> Json:
    return {status: json_answer(description, ref(name), example)}


def _page(name: str, example: Json) -> Json:
    return _answer(name, {"items": [example], "next": None})


def _sign_in() -> Json:
    login = {"identifier": "3671990101900001", "password": "rahasia-budi", "device": "HP Budi"}
    new = {"name": "Budi Santoso", "nik": "3671990101900001", "email": "budi@example.go.id", "password": "rahasia-budi"}
    refresh = {"refresh_token": schemas.TOKENS_EXAMPLE["refresh_token"]}
    return {
        "/register": {
            "post": operation(
                "register",
                "Open an account; at least one of NIK, e-mail and phone",
                security=_PUBLIC,
                parameters=[IDEMPOTENCY_KEY],
                body=_sent(bodies.Registration, new),
                responses={
                    **_answer("Registered", schemas.REGISTERED_EXAMPLE, "201", "The account is open"),
                    **problems(*_BODY, 401, 409, 429),
                },
            )
        },
        "/login": {
            "post": operation(
                "login",
                "Sign in with NIK, e-mail or phone",
                security=_PUBLIC,
                body=_sent(bodies.Login, login),
                responses={**_answer("Tokens", schemas.TOKENS_EXAMPLE), **problems(*_BODY, 401, 403, 429)},
            )
        },
        "/refresh": {
            "post": operation(
                "refresh",
                "Exchange the refresh token for a fresh pair",
                security=_PUBLIC,
                body=_sent(bodies.Refresh, refresh),
                responses={**_answer("Tokens", schemas.TOKENS_EXAMPLE), **problems(*_BODY, 401, 403)},
            )
        },
        "/logout": {
            "post": operation(
                "logout",
                "End this session, by the assertion or by its refresh token",
                security=ANYONE,
                body={**_sent(bodies.Refresh, refresh), "required": False},
                responses={**_ENDED, **problems(400, 401, 413, 422)},
            )
        },
    }


def _own_account() -> Json:
    account = _answer("Account", schemas.ACCOUNT_EXAMPLE)
    confirmation = _sent(bodies.Confirmation, {"password": "rahasia-budi"})
    change = {"current_password": "rahasia-budi", "new_password": "lebih-rahasia-lagi"}

    def post(name: str, summary: str, body: Json | None, responses: Json, *statuses: int, has_id: bool = False) -> Json:
        return {
            "post": operation(
                name,
                summary,
                security=SIGNED_IN,
                parameters=[_ID] if has_id else [],
                body=body,
                responses={**responses, **problems(401, 403, *statuses, *(_BODY if body else ()))},
            )
        }

    claiming = _sent(bodies.Claiming, {"kind": "phone", "value": "081234567801", "password": "rahasia-budi"})
    code = _sent(bodies.CodeTyped, {"code_id": schemas.CODE_SENT_EXAMPLE["code_id"], "code": "123456"})
    matching = _sent(
        bodies.Matching, {"name": "Budi Santoso", "birth_date": "1990-01-01", "family_card": "3671992006150001"}
    )
    sent = _answer("CodeSent", schemas.CODE_SENT_EXAMPLE, "202", "The code is on its way")
    result = _answer("MatchResult", {"result": "SESUAI", "contested": False, "assurance": "3"})
    claimed = _answer("Account", schemas.ACCOUNT_EXAMPLE, "201", "Claimed")
    export: Json = {
        "200": json_answer(
            "All of it",
            ref("Export"),
            schemas.EXPORT_EXAMPLE,
        )
    }
    identifier = "/me/identifiers/{id}"
    return {
        "/me": {
            "get": operation(
                "me",
                "The own account",
                security=SIGNED_IN,
                responses={**account, **_not_modified(), **problems(401, 403)},
            )
        },
        "/me/identifiers": post("claim", "Claim one more identifier", claiming, claimed, 409, 429),
        f"{identifier}/release": post("release", "Give it up", confirmation, account, 404, 409, 429, has_id=True),
        f"{identifier}/code": post("sendCode", "Have a code sent to it", None, sent, 404, 409, 429, has_id=True),
        f"{identifier}/proof": post("proveContact", "Prove it by the code", code, account, 404, 409, has_id=True),
        "/me/nik-match": post("matchNik", "Ask the population register", matching, result, 404, 409, 429),
        "/me/password": post(
            "changePassword", "Change it; ends other sessions", _sent(bodies.PasswordChange, change), _ENDED, 409, 429
        ),
        "/me/export": post("export", "Everything held about the owner, unmasked", confirmation, export, 429),
        "/me/closing": post(
            "close", "Close the account and erase what names its owner", confirmation, _ENDED, 409, 429
        ),
        "/notifications": {
            "get": operation(
                "notifications",
                "The inbox, newest first",
                security=SIGNED_IN,
                parameters=[*paging(["at"], "-at"), SINCE],
                responses={**_page("NoticePage", schemas.NOTICE_EXAMPLE), **problems(400, 401, 403)},
            )
        },
    }


def _sessions() -> Json:
    renaming = _sent(bodies.Renaming, {"device": "HP lama"})
    return {
        "/sessions": {
            "get": operation(
                "sessions",
                "Where the account is open",
                security=SIGNED_IN,
                parameters=paging(["last_used_at", "opened_at"], "-last_used_at"),
                responses={**_page("SessionPage", schemas.SESSION_EXAMPLE), **problems(400, 401, 403)},
            )
        },
        "/sessions/{id}": {
            "patch": operation(
                "renameSession",
                "Name the device",
                security=SIGNED_IN,
                parameters=[_ID],
                body=renaming,
                responses={
                    **_answer("DeviceSession", schemas.SESSION_EXAMPLE),
                    **problems(*_BODY, 401, 403, 404),
                },
            ),
            "delete": operation(
                "endSession",
                "Sign a device out",
                security=SIGNED_IN,
                parameters=[_ID],
                responses={**_ENDED, **problems(401, 403, 404)},
            ),
        },
    }


def _recovery() -> Json:
    completion = {"code": "123456", "new_password": "lebih-rahasia-lagi"}
    return {
        "/recovery": {
            "post": operation(
                "beginRecovery",
                "Have a recovery code sent to the proved contacts; the answer is the same for unknown people",
                security=_PUBLIC,
                body=_sent(bodies.RecoveryRequest, {"identifier": "budi@example.go.id"}),
                responses={
                    **_answer(
                        "RecoveryBegun", schemas.RECOVERY_EXAMPLE, "202", "A code is sent if there is an account"
                    ),
                    **problems(*_BODY, 401, 429),
                },
            )
        },
        "/recovery/{id}": {
            "post": operation(
                "completeRecovery",
                "Set a new password by the code; ends all sessions",
                security=_PUBLIC,
                parameters=[_ID],
                body=_sent(bodies.RecoveryCompletion, completion),
                responses={**_ENDED, **problems(*_BODY, 401, 403, 409)},
            )
        },
    }


def _offices() -> Json:
    account = _answer("OfficeAccount", schemas.OFFICE_ACCOUNT_EXAMPLE)
    case = _sent(bodies.CounterCase, {"nik": "3671990101900001", "contact": "081234567801", "seen": "ktp"})
    begun = _answer("RecoveryBegun", schemas.RECOVERY_EXAMPLE, "202", "A code is on its way to the new contact")

    def call(
        name: str, summary: str, responses: Json, *statuses: int, parameters: list[Json], body: Json | None
    ) -> Json:
        wrong = _BODY if body else (422,) if _ROLE in parameters else ()
        answers = {**responses, **problems(401, 403, *statuses, *wrong)}
        return operation(name, summary, security=SIGNED_IN, parameters=parameters, body=body, responses=answers)

    search = _sent(bodies.RecoveryRequest, {"identifier": "3671990101900001"})
    reason = _sent(bodies.Reason, {"reason": "stolen-device"})
    role = [_ID, _ROLE]
    pages = paging(["created_at"], "-created_at")
    found = _page("OfficeAccountPage", schemas.OFFICE_ACCOUNT_EXAMPLE)
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
            "post": call("block", "Block (admin)", account, 404, 409, parameters=[_ID], body=reason)
        },
        "/accounts/{id}/unblock": {
            "post": call("unblock", "Unblock (admin)", account, 404, 409, parameters=[_ID], body=None)
        },
    }


def _open_data() -> Json:
    after = parameter("after", "query", {"type": "integer", "minimum": 0}, "The last `next` seen")
    wait = parameter("wait", "query", {"type": "number", "minimum": 0, "maximum": 30}, "Seconds to wait for news")

    def get(name: str, summary: str, responses: Json, *statuses: int, parameters: list[Json] | None = None) -> Json:
        return {
            "get": operation(
                name,
                summary,
                security=_PUBLIC,
                parameters=parameters or [],
                responses={**responses, **problems(*statuses)},
            )
        }

    keys = {**_answer("Keys", schemas.KEYS_EXAMPLE), **_not_modified()}
    health = _answer("Health", {"status": "ok", "service": "identity"})
    tiers = {**_answer("Tiers", schemas.TIERS_EXAMPLE), **_not_modified()}
    revocations = _answer("Revocations", schemas.REVOCATIONS_EXAMPLE)
    own: Json = {"200": json_answer("OpenAPI 3.1", {"type": "object"}, {"openapi": "3.1.0"}), **_not_modified()}
    return {
        "/tiers": get("tiers", "What each level of assurance needs and opens", tiers, 400, 401),
        "/.well-known/jwks.json": get("keys", "The public keys of access tokens (RFC 7517)", keys),
        "/.well-known/revocations": get(
            "revocations", "Tokens called back, by long polling", revocations, 400, parameters=[after, wait]
        ),
        "/healthz": get("health", "Whether the service works", health),
        "/openapi.json": get("openapi", "This document", own),
    }


def _not_modified() -> Json:
    return {"304": {"description": "You have it already"}}


def _request_schema(model: type[bodies.Body]) -> Json:
    schema = model.model_json_schema()
    for member in schema["properties"].values():
        member.pop("default", None)  # an empty text stands for "not sent", which is no value of its own
    return schema


def document() -> Json:
    """Return the whole document."""
    models = (
        *(bodies.Registration, bodies.Login, bodies.Refresh, bodies.Renaming, bodies.Claiming, bodies.Confirmation),
        *(bodies.CodeTyped, bodies.Matching, bodies.PasswordChange, bodies.RecoveryRequest),
        *(bodies.RecoveryCompletion, bodies.CounterCase, bodies.Reason),
    )
    requests = {model.__name__: _request_schema(model) for model in models}
    paths = {**_sign_in(), **_own_account(), **_sessions(), **_recovery(), **_offices(), **_open_data()}
    return assemble(
        title="Akun Tangerang LIVE", description=_DESCRIPTION, paths=paths, schemas={**schemas.ANSWERS, **requests}
    )
