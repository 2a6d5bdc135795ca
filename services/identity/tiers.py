"""What each assurance level needs and opens, for everybody to read before registering."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from services.kit.etag import conditional_json
from services.kit.inputs import single_values
from services.kit.problem import Language, preferred_language
from services.kit.yaml_file import read_typed_yaml

TIERS_FILE = Path(__file__).with_name("tiers.yaml")


class _Words(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str
    en: str


class _Tier(BaseModel):
    model_config = ConfigDict(extra="forbid")
    level: Literal["1", "2", "3", "4"]
    name: _Words
    needs: _Words
    opens: _Words


class _Tiers(BaseModel):
    model_config = ConfigDict(extra="forbid")
    version: int
    source: str
    verified: bool
    tiers: list[_Tier]


def load_tiers(path: Path = TIERS_FILE) -> dict[Language, dict[str, Any]]:
    """Read the file into what is shown, by language."""
    document = _Tiers.model_validate(read_typed_yaml(path))
    return {
        language: {
            "items": [
                {
                    "level": tier.level,
                    **{name: getattr(getattr(tier, name), language) for name in ("name", "needs", "opens")},
                }
                for tier in document.tiers
            ],
            "source": document.source,
            "verified": document.verified,
        }
        for language in ("id", "en")
    }


def routes() -> list[BaseRoute]:
    """Return the routes of this file."""
    shown = load_tiers()

    async def tiers(request: Request) -> Response:
        single_values(request, allowed=())
        language = preferred_language(request.headers.get("accept-language"))
        answer = conditional_json(request, shown[language], cache_control="public, max-age=300")
        answer.headers.update({"Content-Language": language, "Vary": "Accept-Language"})
        return answer

    return [Route("/tiers", tiers)]
