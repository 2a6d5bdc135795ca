"""The service as a process: two share a database, and the end is orderly."""

import asyncio
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import jwt
import uvicorn

from services.identity.tests.conftest import PASSWORD, City, settings_in
from services.kit.app import _Server
from services.kit.clock import utc_now
from services.kit.settings import Settings
from services.kit.testing import ISSUER, GatewayIssuer, ManualNow

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Running:
    """A service process and where it listens."""

    process: subprocess.Popen[str]
    url: str
    settings: Settings


@contextmanager
def running(
    folder: Path, jwks_url: str = "http://127.0.0.1:9/jwks", database_url: str | None = None
) -> Iterator[Running]:
    settings = settings_in(folder, database_url or f"sqlite:///{folder}/identity.sqlite3")
    argv = [sys.executable, "-m", "services.identity", "--port", "0", "--database-url", settings.database_url]
    argv += ["--data-dir", str(settings.data_dir), "--gateway-issuer", ISSUER, "--gateway-jwks-url", jwks_url]
    with (folder / "log").open("a") as log:
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT)
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            match = re.search(r"http://\S+", line)
            assert match, (folder / "log").read_text()
            yield Running(process, match[0], settings)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


def register(url: str, name: str) -> bool:
    """Register somebody; tell whether it was confirmed."""
    body = {"name": "Warga", "password": PASSWORD, "email": f"{name}@example.test"}
    try:
        headers = {"X-Forwarded-For": f"2001:db8::{name.removeprefix('w')}"}
        return httpx.post(f"{url}/register", json=body, headers=headers, timeout=30).status_code == 201
    except httpx.HTTPError:
        return False


def test_sigterm_ends_it_in_order(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        assert httpx.get(f"{service.url}/healthz").status_code == 200
        service.process.send_signal(signal.SIGTERM)
        # uvicorn ends by the signal it was given, after everything was closed.
        assert service.process.wait() == -signal.SIGTERM
    log = (tmp_path / "log").read_text()
    assert '"error"' not in log
    assert "Traceback" not in log


async def test_a_draining_server_does_not_wait_for_long_polls(city: City) -> None:
    config = uvicorn.Config(city.app, log_config=None, lifespan="off")
    server = _Server(config, city.app.state.on_drain)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/.well-known/revocations?after=0&wait=30"
        async with httpx.AsyncClient(timeout=60) as client:
            waiting = asyncio.create_task(client.get(url))
            while not city.service.feed._waiting:
                await asyncio.sleep(0)
            server.should_exit = True
            assert (await waiting).json() == {"next": 0, "revocations": []}
        await serving


def test_two_processes_on_one_database_share_sessions_keys_and_revocations(tmp_path: Path, database_url: str) -> None:
    issuer = GatewayIssuer(ManualNow(utc_now()))
    with (
        issuer.serve() as jwks_url,
        running(tmp_path, jwks_url, database_url) as one,
        running(tmp_path, jwks_url, database_url) as two,
    ):
        register(one.url, "w1")
        body = {"identifier": "w1@example.test", "password": PASSWORD}
        pair = httpx.post(f"{one.url}/login", json=body).json()
        claims = jwt.decode(pair["access_token"], options={"verify_signature": False})
        keys = [httpx.get(f"{url}/.well-known/jwks.json").json() for url in (one.url, two.url)]
        assert keys[0] == keys[1]
        headers = issuer.headers(claims["sub"], "identity", sid=claims["sid"])
        with ThreadPoolExecutor(1) as pool:
            told = pool.submit(httpx.get, f"{one.url}/.well-known/revocations?after=0&wait=30", timeout=60)
            assert httpx.post(f"{two.url}/logout", headers=headers).status_code == 204
            assert told.result().json()["revocations"][0]["sid"] == claims["sid"]
        refused = httpx.post(f"{one.url}/refresh", json={"refresh_token": pair["refresh_token"]})
        assert refused.status_code == 401
    log = (tmp_path / "log").read_text()
    assert "w1@" not in log
    assert pair["refresh_token"] not in log


def test_a_wrong_setting_ends_the_start_with_an_explanation(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "services.identity", "--sms-url", "pigeon:", "--data-dir", str(tmp_path)]
    argv += ["--database-url", f"sqlite:///{tmp_path}/i.sqlite3"]
    ended = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, check=False)
    assert ended.returncode == 1
    assert "cannot send sms" in ended.stderr
    assert "Traceback" not in ended.stderr
