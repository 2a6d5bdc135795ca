"""Service and test bank as processes: a payment crosses real sockets."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from services.kit.testing import ISSUER, GatewayIssuer
from services.kit.testing_kill import RealNow
from services.permits.tests.conftest import PDF, PROTOTYPE

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Running:
    """A process and where it listens."""

    process: subprocess.Popen[str]
    url: str


@contextmanager
def started(folder: Path, module: str, *arguments: str) -> Iterator[Running]:
    argv = [sys.executable, "-m", module, "--port", "0", *arguments]
    with (folder / f"{module}.log").open("a") as log:
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT)
        assert process.stdout is not None
        try:
            match = re.search(r"http://\S+", process.stdout.readline())
            assert match, (folder / f"{module}.log").read_text()
            yield Running(process, match[0])
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


@contextmanager
def office(folder: Path, jwks_url: str) -> Iterator[Running]:
    arguments = ["--database-url", f"sqlite:///{folder}/permits.sqlite3", "--data-dir", str(folder / "files")]
    with started(
        folder, "services.permits", *arguments, "--gateway-issuer", ISSUER, "--gateway-jwks-url", jwks_url
    ) as running:
        yield running


def test_a_payment_crosses_from_the_bank_to_the_office(tmp_path: Path) -> None:
    issuer = GatewayIssuer(RealNow())
    with issuer.serve() as jwks_url, office(tmp_path, jwks_url) as service:
        client = httpx.Client(base_url=service.url, timeout=30)

        def post(path: str, *, roles: list[str] | None = None, **more: Any) -> dict[str, Any]:
            headers = issuer.headers("officer" if roles else "citizen", name="Warga", roles=roles)
            answer = client.post(path, headers=headers, **more)
            assert answer.is_success, answer.text
            body: dict[str, Any] = answer.json()
            return body

        case = post("/applications", json={"type": "pbg-prototipe", "details": PROTOTYPE})
        for document in case["missing"]:
            code = document["item"].removeprefix("documents.")
            post(f"/applications/{case['id']}/documents?document={code}", content=PDF + code.encode())
        post(f"/applications/{case['id']}/submit")
        officer, desk = ["officer:DPMPTSP", "officer:PERKIM"], f"/desk/applications/{case['id']}"
        post("/desk/next", roles=officer)
        post(f"{desk}/accept", roles=officer)
        post(f"{desk}/assess", roles=officer)
        code = post(f"{desk}/levy", roles=officer, json={})["payment"]["billing_code"]
        secret = ["--secret-file", str(tmp_path / "files" / "bank-secret")]
        with started(tmp_path, "services.permits.bank", "--permits-url", service.url, *secret) as bank:
            paid = httpx.post(f"{bank.url}/pay", json={"billing_code": code}, timeout=30)
            assert (paid.status_code, paid.json()["outcome"]) == (201, "accepted")
            bank.process.send_signal(signal.SIGTERM)
            bank.process.wait()
        assert post(f"{desk}/issue", roles=officer)["state"] == "TERBIT"
        client.close()
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait() in (0, -signal.SIGTERM)
    log = (tmp_path / "services.permits.log").read_text()
    assert "Warga" not in log
    assert code not in log


def test_a_busy_port_of_the_bank_is_named(tmp_path: Path) -> None:
    with started(tmp_path, "services.permits.bank", "--secret-file", str(tmp_path / "secret")) as bank:
        port = bank.url.rsplit(":", 1)[1]
        argv = [
            sys.executable,
            "-m",
            "services.permits.bank",
            "--port",
            port,
            "--secret-file",
            str(tmp_path / "secret"),
        ]
        ended = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, check=False)
    assert ended.returncode == 1
    assert f"127.0.0.1:{port}" in ended.stderr
