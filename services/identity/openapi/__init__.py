"""The service's OpenAPI 3.1 document: every operation with its examples and the problems it may answer."""

from services.identity import bodies, schemas
from services.identity.openapi.entering import recovery, sign_in
from services.identity.openapi.offices import offices, open_data
from services.identity.openapi.own import own_account, sessions
from services.kit.openapi import Json
from services.kit.openapi import document as assemble

_DESCRIPTION = (
    "One account for all services of the city. A claim to a NIK, an e-mail address or a phone number blocks nobody: "
    "it counts once it is proved. Access tokens live 15 minutes; a refresh token works once, and for a minute again "
    "when its answer was lost. The same is answered, in the same time, for known and unknown people."
)


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
    paths = {**sign_in(), **own_account(), **sessions(), **recovery(), **offices(), **open_data()}
    return assemble(
        title="Akun Tangerang LIVE", description=_DESCRIPTION, paths=paths, schemas={**schemas.ANSWERS, **requests}
    )
