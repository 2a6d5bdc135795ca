"""Numbers are drawn by signed-in citizens, once, and seen by nobody else."""

from pathlib import Path

from openapi_spec_validator import OpenAPIV31SpecValidator

from services.kit.settings import from_args
from services.kit.testing import GatewayIssuer, client_of, problem_code
from services.template.app import NAME, compose, document


async def test_a_citizen_draws_one_number_and_sees_only_their_own(tmp_path: Path) -> None:
    issuer = GatewayIssuer()
    settings = from_args(NAME, 0, ["--database-url", f"sqlite:///{tmp_path}/t.sqlite3"], environ={})
    async with client_of(compose(settings, issuer.verifier(NAME))) as client:
        siti, budi = (issuer.headers(sub, NAME) | {"Idempotency-Key": sub} for sub in ("siti", "budi"))
        for _ in range(2):
            drawn = await client.post("/tickets", json={"counter": "KTP"}, headers=siti)
            assert (drawn.status_code, drawn.json()) == (201, {"number": 1, "counter": "KTP"})
        assert (await client.get("/tickets", headers=siti)).json()["items"] == [drawn.json()]
        assert (await client.get("/tickets", headers=budi)).json()["items"] == []
        assert problem_code(await client.get("/tickets")) == "not-authenticated"
        assert problem_code(await client.post("/tickets", json={}, headers=siti)) == "invalid-fields"


def test_the_description_is_valid_openapi() -> None:
    assert list(OpenAPIV31SpecValidator(document()).iter_errors()) == []
