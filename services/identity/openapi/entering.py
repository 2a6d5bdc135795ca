"""Getting in, and back in: registration, sign-in, recovery."""

from services.identity import bodies, schemas
from services.identity.openapi.words import BODY, ENDED, ID, PUBLIC, answered, sent
from services.kit.openapi import (
    ANYONE,
    IDEMPOTENCY_KEY,
    Json,
    operation,
    problems,
)


def sign_in() -> Json:
    """Describe registering, signing in and out."""
    login = {"identifier": "3671990101900001", "password": "rahasia-budi", "device": "HP Budi"}
    new = {"name": "Budi Santoso", "nik": "3671990101900001", "email": "budi@example.go.id", "password": "rahasia-budi"}
    refresh = {"refresh_token": schemas.TOKENS_EXAMPLE["refresh_token"]}
    return {
        "/register": {
            "post": operation(
                "register",
                "Open an account; at least one of NIK, e-mail and phone",
                security=PUBLIC,
                parameters=[IDEMPOTENCY_KEY],
                body=sent(bodies.Registration, new),
                responses={
                    **answered("Registered", schemas.REGISTERED_EXAMPLE, "201", "The account is open"),
                    **problems(*BODY, 401, 409, 429),
                },
            )
        },
        "/login": {
            "post": operation(
                "login",
                "Sign in with NIK, e-mail or phone",
                security=PUBLIC,
                body=sent(bodies.Login, login),
                responses={**answered("Tokens", schemas.TOKENS_EXAMPLE), **problems(*BODY, 401, 403, 429)},
            )
        },
        "/refresh": {
            "post": operation(
                "refresh",
                "Exchange the refresh token for a fresh pair",
                security=PUBLIC,
                body=sent(bodies.Refresh, refresh),
                responses={**answered("Tokens", schemas.TOKENS_EXAMPLE), **problems(*BODY, 401, 403)},
            )
        },
        "/logout": {
            "post": operation(
                "logout",
                "End this session, by the assertion or by its refresh token",
                security=ANYONE,
                body={**sent(bodies.Refresh, refresh), "required": False},
                responses={**ENDED, **problems(400, 401, 413, 422)},
            )
        },
    }


def recovery() -> Json:
    """Describe how an account comes back to its owner."""
    completion = {"code": "123456", "new_password": "lebih-rahasia-lagi"}
    return {
        "/recovery": {
            "post": operation(
                "beginRecovery",
                "Have a recovery code sent to the proved contacts; the answer is the same for unknown people",
                security=PUBLIC,
                body=sent(bodies.RecoveryRequest, {"identifier": "budi@example.go.id"}),
                responses={
                    **answered(
                        "RecoveryBegun", schemas.RECOVERY_EXAMPLE, "202", "A code is sent if there is an account"
                    ),
                    **problems(*BODY, 401, 429),
                },
            )
        },
        "/recovery/{id}": {
            "post": operation(
                "completeRecovery",
                "Set a new password by the code; ends all sessions",
                security=PUBLIC,
                parameters=[ID],
                body=sent(bodies.RecoveryCompletion, completion),
                responses={**ENDED, **problems(*BODY, 401, 403, 409)},
            )
        },
    }
