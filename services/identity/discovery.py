"""What gateways read: the public keys, and the tokens called back."""

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from services.identity.revocations import MAX_WAIT_SECONDS
from services.identity.service import Service
from services.kit.etag import conditional_json, json_response
from services.kit.inputs import read_query

KEYS_PATH = "/.well-known/jwks.json"
REVOCATIONS_PATH = "/.well-known/revocations"


class FeedQuery(BaseModel):
    """After which revocation to answer, and how many seconds to wait for one."""

    model_config = ConfigDict(extra="forbid")
    after: int = Field(default=0, ge=0, lt=2**63)
    wait: float = Field(default=0, ge=0, le=MAX_WAIT_SECONDS, allow_inf_nan=False)


def routes(service: Service) -> list[BaseRoute]:
    """Return the routes of this file."""

    async def keys(request: Request) -> Response:
        # Short, for a withdrawn key must be gone everywhere within a minute.
        return conditional_json(request, service.keys.published(), cache_control="public, max-age=30")

    async def revocations(request: Request) -> Response:
        asked = read_query(request, FeedQuery)
        page = await service.feed.after(asked.after, asked.wait)
        return json_response(page, headers={"Cache-Control": "no-store"})

    return [Route(KEYS_PATH, keys), Route(REVOCATIONS_PATH, revocations)]
