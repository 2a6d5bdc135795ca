"""What an account's owner sees and changes."""

from services.identity import bodies, schemas
from services.identity.openapi.words import BODY, ENDED, ID, answered, not_modified, page_of, sent
from services.kit.openapi import (
    SIGNED_IN,
    SINCE,
    Json,
    json_answer,
    operation,
    paging,
    problems,
    ref,
)


def own_account() -> Json:
    """Describe the own account: identifiers, proofs, password, export, closing, inbox."""
    account = answered("Account", schemas.ACCOUNT_EXAMPLE)
    confirmation = sent(bodies.Confirmation, {"password": "rahasia-budi"})
    change = {"current_password": "rahasia-budi", "new_password": "lebih-rahasia-lagi"}

    def post(name: str, summary: str, body: Json | None, responses: Json, *statuses: int, has_id: bool = False) -> Json:
        return {
            "post": operation(
                name,
                summary,
                security=SIGNED_IN,
                parameters=[ID] if has_id else [],
                body=body,
                responses={**responses, **problems(401, 403, *statuses, *(BODY if body else ()))},
            )
        }

    claiming = sent(bodies.Claiming, {"kind": "phone", "value": "081234567801", "password": "rahasia-budi"})
    code = sent(bodies.CodeTyped, {"code_id": schemas.CODE_SENT_EXAMPLE["code_id"], "code": "123456"})
    matching = sent(
        bodies.Matching, {"name": "Budi Santoso", "birth_date": "1990-01-01", "family_card": "3671992006150001"}
    )
    code_sent = answered("CodeSent", schemas.CODE_SENT_EXAMPLE, "202", "The code is on its way")
    result = answered("MatchResult", {"result": "SESUAI", "contested": False, "assurance": "3"})
    claimed = answered("Account", schemas.ACCOUNT_EXAMPLE, "201", "Claimed")
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
                responses={**account, **not_modified(), **problems(401, 403)},
            )
        },
        "/me/identifiers": post("claim", "Claim one more identifier", claiming, claimed, 409, 429),
        f"{identifier}/release": post("release", "Give it up", confirmation, account, 404, 409, 429, has_id=True),
        f"{identifier}/code": post("sendCode", "Have a code sent to it", None, code_sent, 404, 409, 429, has_id=True),
        f"{identifier}/proof": post("proveContact", "Prove it by the code", code, account, 404, 409, has_id=True),
        "/me/nik-match": post("matchNik", "Ask the population register", matching, result, 404, 409, 429),
        "/me/password": post(
            "changePassword", "Change it; ends other sessions", sent(bodies.PasswordChange, change), ENDED, 409, 429
        ),
        "/me/export": post("export", "Everything held about the owner, unmasked", confirmation, export, 429),
        "/me/closing": post("close", "Close the account and erase what names its owner", confirmation, ENDED, 409, 429),
        "/notifications": {
            "get": operation(
                "notifications",
                "The inbox, newest first",
                security=SIGNED_IN,
                parameters=[*paging(["at"], "-at"), SINCE],
                responses={**page_of("NoticePage", schemas.NOTICE_EXAMPLE), **problems(400, 401, 403)},
            )
        },
    }


def sessions() -> Json:
    """Describe the devices on which the account is open."""
    renaming = sent(bodies.Renaming, {"device": "HP lama"})
    return {
        "/sessions": {
            "get": operation(
                "sessions",
                "Where the account is open",
                security=SIGNED_IN,
                parameters=paging(["last_used_at", "opened_at"], "-last_used_at"),
                responses={**page_of("SessionPage", schemas.SESSION_EXAMPLE), **problems(400, 401, 403)},
            )
        },
        "/sessions/{id}": {
            "patch": operation(
                "renameSession",
                "Name the device",
                security=SIGNED_IN,
                parameters=[ID],
                body=renaming,
                responses={
                    **answered("DeviceSession", schemas.SESSION_EXAMPLE),
                    **problems(*BODY, 401, 403, 404),
                },
            ),
            "delete": operation(
                "endSession",
                "Sign a device out",
                security=SIGNED_IN,
                parameters=[ID],
                responses={**ENDED, **problems(401, 403, 404)},
            ),
        },
    }
