import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from services.kit.app import build_app, carried_headers
from services.kit.database import Database, open_engine
from services.kit.logs import make_logger
from services.kit.testing import GatewayIssuer, client_of, problem_code

from .conftest import Notebook


async def test_the_caller_is_known_to_endpoints(notebook: Notebook) -> None:
    headers = notebook.issuer.headers("warga", "notes", sid="s1", acr="2")
    assert (await notebook.client.get("/me", headers=headers)).json() == {
        "sub": "warga",
        "sid": "s1",
        "acr": "2",
    }


async def test_anonymous_is_401_with_a_challenge(notebook: Notebook) -> None:
    answer = await notebook.client.get("/me")
    assert answer.status_code == 401
    assert problem_code(answer) == "not-authenticated"
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_a_bad_assertion_is_401_on_every_path_but_the_open_ones(notebook: Notebook) -> None:
    headers = {"Authorization": "Bearer nonsense"}
    assert problem_code(await notebook.client.get("/notes", headers=headers)) == "not-authenticated"
    assert (await notebook.client.get("/healthz", headers=headers)).status_code == 200
    assert (await notebook.client.get("/openapi.json", headers=headers)).status_code == 200


async def test_two_authorization_fields_are_401(notebook: Notebook) -> None:
    good = notebook.issuer.headers(aud="notes")["Authorization"]
    answer = await notebook.client.get("/me", headers=[("Authorization", good), ("Authorization", good)])
    assert answer.status_code == 401


async def test_a_role_opens_the_desk(notebook: Notebook) -> None:
    citizen = notebook.issuer.headers(aud="notes")
    officer = notebook.issuer.headers(aud="notes", roles=["officer:DPMPTSP"])
    assert problem_code(await notebook.client.get("/desk", headers=citizen)) == "forbidden"
    assert (await notebook.client.get("/desk", headers=officer)).status_code == 200


async def test_112_takes_a_bad_assertion_and_puts_its_number_in_every_problem(
    issuer: GatewayIssuer, empty_database_url: str
) -> None:
    async def hello(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("halo")

    database = Database(open_engine(empty_database_url))
    verifier = issuer.verifier("emergency")
    app = build_app(
        name="emergency",
        routes=[Route("/", hello)],
        verifier=verifier,
        database=database,
        openapi={},
        refuse_bad_assertion=False,
        problem_members={"call": "tel:112"},
    )
    async with client_of(app) as client:
        assert (await client.get("/", headers={"Authorization": "Bearer nonsense"})).text == "halo"
        for nowhere in (await client.get("/x"), await client.get("/x%00")):
            assert problem_code(nowhere) == "not-found"
            assert next(iter(nowhere.json().items())) == ("call", "tel:112")


async def test_unknown_address_and_wrong_method_are_problems(notebook: Notebook) -> None:
    assert problem_code(await notebook.client.get("/nowhere")) == "not-found"
    assert problem_code(await notebook.client.get("/notes/")) == "not-found"
    answer = await notebook.client.delete("/notes")
    assert problem_code(answer) == "method-not-allowed"
    assert answer.headers["Allow"] == "GET, HEAD, POST"


async def test_a_defect_is_a_problem_with_a_case_code_found_in_the_log(notebook: Notebook) -> None:
    answer = await notebook.client.post("/notes", json={"word": "gagal"})
    assert answer.status_code == 500
    assert problem_code(answer) == "internal-error"
    assert "RuntimeError" not in answer.text
    lines = [json.loads(line) for line in notebook.log.getvalue().splitlines()]
    failure = next(line for line in lines if line["event"] == "request failed")
    assert failure["case"] == answer.json()["case"]
    assert "RuntimeError" in failure["exception"]


async def test_the_log_line_names_the_route_and_no_person(notebook: Notebook) -> None:
    headers = {**notebook.issuer.headers("warga", "notes"), "X-Request-ID": "req-1"}
    headers["traceparent"] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answer = await notebook.client.post("/notes", json={"word": "gagal"}, headers=headers)
    assert answer.headers["X-Request-ID"] == "req-1"
    line = json.loads(notebook.log.getvalue().splitlines()[-1])
    assert line["request_id"] == "req-1"
    assert line["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert (line["route"], line["status"], line["signed_in"]) == ("/notes", 500, True)
    for secret in ("3671990101900001", "budi@", "warga", headers["Authorization"][7:]):
        assert secret not in notebook.log.getvalue()


async def test_a_doubtful_request_id_is_replaced(notebook: Notebook) -> None:
    answer = await notebook.client.get("/healthz", headers={"X-Request-ID": 'x" injected="1'})
    assert len(answer.headers["X-Request-ID"]) == 32


async def test_nul_is_refused_everywhere(notebook: Notebook) -> None:
    assert (await notebook.client.get("/notes%00")).status_code == 404
    assert problem_code(await notebook.client.get("/notes?word=%00")) == "nul-character"
    body = b'{"word": "a\\u0000"}'
    answer = await notebook.client.post("/notes", content=body, headers={"Content-Type": "application/json"})
    assert problem_code(answer) == "nul-character"


async def test_healthz_tells_when_the_database_is_gone(
    issuer: GatewayIssuer, tmp_path: Path, engine_tables: None
) -> None:
    folder = tmp_path / "gone"
    database = Database(open_engine(f"sqlite:///{folder}/x.sqlite3"))
    folder.rmdir()
    app = build_app(name="notes", routes=[], verifier=issuer.verifier("notes"), database=database, openapi={})
    async with client_of(app) as client:
        answer = await client.get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (503, "fail")


async def test_the_openapi_document_revalidates(notebook: Notebook) -> None:
    first = await notebook.client.get("/openapi.json")
    again = await notebook.client.get("/openapi.json", headers={"If-None-Match": first.headers["ETag"]})
    assert (first.json()["openapi"], again.status_code) == ("3.1.0", 304)


async def test_calls_on_behalf_of_a_request_carry_its_names(issuer: GatewayIssuer, empty_database_url: str) -> None:
    async def endpoint(_request: Request) -> PlainTextResponse:
        return PlainTextResponse(carried_headers()["X-Request-ID"])

    database = Database(open_engine(empty_database_url))
    verifier = issuer.verifier("notes")
    app = build_app(
        name="notes", routes=[Route("/", endpoint)], verifier=verifier, database=database, openapi={},
        log=make_logger("notes"), state={"answer": 42},
    )  # fmt: skip
    async with client_of(app) as client:
        assert (await client.get("/", headers={"X-Request-ID": "req-9"})).text == "req-9"
    assert app.state.answer == 42
    assert carried_headers() == {}


SERVICE = """
import asyncio, sys
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from services.kit.app import build_app, serve
from services.kit.assertion import AssertionVerifier
from services.kit.database import Database, open_engine
from services.kit.settings import from_args

settings = from_args("notes", 0, sys.argv[1:])
release = asyncio.Event()

async def slow(request):
    print("begun", flush=True)
    await release.wait()
    return PlainTextResponse("whole")

async def hand_over(request):
    asyncio.get_running_loop().call_later(0.2, release.set)
    return PlainTextResponse("ok")

app = build_app(
    name="notes",
    routes=[Route("/slow", slow), Route("/release", hand_over)],
    verifier=AssertionVerifier(settings.gateway_jwks_url, settings.gateway_issuer, "notes"),
    database=Database(open_engine(settings.database_url)),
    openapi={},
)
serve(app, settings)
"""


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    database_url = f"sqlite:///{tmp_path}/notes.sqlite3"
    return [sys.executable, "-c", SERVICE, "--database-url", database_url, "--host", "127.0.0.1"]


async def test_a_served_service_finishes_what_it_began_on_sigterm(command: list[str]) -> None:
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            url = process.stdout.readline().split()[-1]
            async with httpx.AsyncClient(base_url=url) as client:
                assert (await client.get("/healthz")).json() == {"status": "ok", "service": "notes"}
                host, port = url.removeprefix("http://").split(":")
                with socket.create_connection((host, int(port)), timeout=20) as waiting:
                    waiting.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    assert process.stdout.readline() == "begun\n"
                    await client.get("/release")
                    process.send_signal(signal.SIGTERM)
                    assert b"whole" in waiting.makefile("rb").read()
            assert process.wait(timeout=20) in (0, -signal.SIGTERM)
        finally:
            process.kill()


def test_a_busy_port_is_named(command: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = subprocess.run([*command, "--port", port], capture_output=True, text=True, timeout=20)
    assert ended.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in ended.stderr
