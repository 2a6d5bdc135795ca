"""The command as operators use it: what it prints, how it ends, and that it teaches."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway import workers
from gateway.cli import main
from gateway.registry.problems import ConfigError, ConfigProblem, Origin
from tests.registry.files import Registry, gateway_text, service_text

COMMANDS = ["check", "routes", "explain", "schema", "keys", "docs", "run"]


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    monkeypatch.chdir(tmp_path)
    registry = Registry(tmp_path)
    registry.service(service_text())
    return registry


def gateway(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_examples(command: str) -> None:
    result = gateway(command, "--help")
    assert result.exit_code == 0
    assert f"gateway {command}" in result.output.split("\n", 1)[1]
    assert "--config" in result.output
    assert "gateway.yaml" in result.output


def test_the_command_alone_lists_what_there_is() -> None:
    assert all(command in gateway("--help").output for command in COMMANDS)


def test_python_m_gateway_is_the_same_command() -> None:
    command = [sys.executable, "-m", "gateway", "--help"]
    finished = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    assert "explain" in finished.stdout


def test_a_right_configuration_is_ok(registry: Registry) -> None:
    result = gateway("check")
    assert (result.exit_code, result.output) == (0, "ok: 1 service, 1 route\n")


def test_a_wrong_configuration_is_told_whole_and_plainly(registry: Registry) -> None:
    registry.service(service_text(max_body="5", titel="x"))
    result = gateway("check")
    assert result.exit_code == 1
    assert result.stderr == (
        "2 problems in the configuration\n"
        "services/permits.yaml:8:11: 5: 5 what? A number alone is no size\n"
        "    fix: write 5KB or 5MB\n"
        "services/permits.yaml:9:1: titel: an unknown key, which would do nothing\n"
        "    fix: did you mean `title`?\n"
    )
    assert result.stdout == ""


def test_warnings_fail_a_strict_check_only(registry: Registry) -> None:
    registry.gateway(gateway_text(include="[services/*.yaml, more/*.yaml]"))
    warned = gateway("check")
    assert warned.exit_code == 0
    assert "warning: gateway.yaml: `include: more/*.yaml` names no file\n" in warned.output
    strict = gateway("check", "--strict")
    assert strict.exit_code == 1
    assert "not ok" in strict.output


def test_missing_keys_are_a_warning_where_citizens_sign_in(registry: Registry) -> None:
    issuer = "{issuer: i, audiences: [a], algorithms: [ES256], jwks_url: http://h/j}"
    registry.gateway(gateway_text(identity=f"{{issuers: [{issuer}]}}"))
    assert "no assertion key is configured" in gateway("check").output


def test_other_programs_can_read_a_check(registry: Registry) -> None:
    good = json.loads(gateway("check", "--json").output)
    assert (good["ok"], good["services"], good["routes"], good["problems"]) == (True, 1, 1, [])
    registry.service(service_text(max_body="5"))
    result = gateway("check", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {
        "ok": False,
        "problems": [
            {
                "file": "services/permits.yaml",
                "line": 8,
                "column": 11,
                "value": "5",
                "reason": "5 what? A number alone is no size",
                "remedy": "write 5KB or 5MB",
            }
        ],
        "warnings": [],
    }


def test_a_strict_check_for_programs_is_not_ok_with_warnings(registry: Registry) -> None:
    registry.gateway(gateway_text(include="[services/*.yaml, more/*.yaml]"))
    result = gateway("check", "--json", "--strict")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["ok"] is False


def test_a_configuration_elsewhere_is_told_by_its_path(registry: Registry, tmp_path: Path) -> None:
    result = gateway("check", "--config", str(tmp_path / "none" / "gateway.yaml"))
    assert result.exit_code == 1
    assert f"{tmp_path}/none/gateway.yaml:1:1: the file does not exist" in result.stderr


def test_routes_are_listed_with_their_places(registry: Registry) -> None:
    registry.gateway(gateway_text(aggregates="[{path: /v1/home, parts: [{name: a, path: /v1/permits/types}]}]"))
    registry.service(
        service_text(
            rate_limit="{limit: 60, every: 1m, by: address}",
            routes="\n  - {path: /v1/permits/types, methods: [GET], cache: {ttl: 10m}}"
            "\n  - {path: /v1/permits/x, methods: [GET], cache: {stale_if_error: 1h}}"
            "\n  - {path: '/v1/permits/{rest:path}', methods: ['*'], class: emergency, rate_limit: none}",
        )
    )
    lines = [line.split() for line in gateway("routes").output.strip().split("\n")]
    assert lines == [
        ["METHODS", "PATH", "SERVICE", "SIGN-IN", "LIMITS", "CACHE", "DECLARED"],
        ["GET", "/v1/home", "(aggregate)", "required", "-", "-", "gateway.yaml:4:21"],
        ["GET", "/v1/permits/types", "permits", "none", "60/1m", "by", "address", "10m", "services/permits.yaml:9:12"],
        ["GET", "/v1/permits/x", "permits", "none", "60/1m", "by", "address", "shared", "services/permits.yaml:10:12"],
        ["*", "/v1/permits/{rest:path}", "permits", "!112", "none", "-", "-", "services/permits.yaml:11:12"],
    ]


@pytest.mark.parametrize("arguments", [["routes"], ["explain", "GET", "/v1/permits/types"]])
def test_what_reads_a_wrong_configuration_tells_its_problems(registry: Registry, arguments: list[str]) -> None:
    registry.service(service_text(max_body="5"))
    result = gateway(*arguments)
    assert result.exit_code == 1
    assert "services/permits.yaml:8:11" in result.stderr


def test_a_request_is_explained(registry: Registry) -> None:
    registry.service(service_text(routes="[{path: '/v1/permits/{code}', methods: [GET]}]"))
    result = gateway("explain", "GET", "/v1/permits/pbg")
    assert result.exit_code == 0
    assert "GET /v1/permits/pbg is answered by /v1/permits/{code}\n  {code} = pbg\n" in result.output
    lines = [line.split() for line in result.output.split("\n")]
    assert ["auth.mode", "none", "services/permits.yaml:6:14"] in lines
    assert ["timeout.total", "5s", "default"] in lines


def test_a_request_without_a_route_is_explained(registry: Registry) -> None:
    result = gateway("explain", "GET", "/v1/permits/typs")
    assert result.exit_code == 1
    assert result.output == (
        "GET /v1/permits/typs: 404, the service permits lists no such path, and nothing is open that is not listed\n"
        "    fix: did you mean /v1/permits/types?\n"
    )


@pytest.mark.parametrize(("arguments", "setting"), [([], "include"), (["gateway"], "include"), (["service"], "routes")])
def test_schemas_are_printed_for_editors(arguments: list[str], setting: str) -> None:
    assert setting in json.loads(gateway("schema", *arguments).output)["properties"]


def test_docs_are_written_or_printed(tmp_path: Path) -> None:
    printed = gateway("docs", "--out", "-").output
    assert printed.startswith("# Configuration")
    target = tmp_path / "new" / "configuration.md"
    assert gateway("docs", "--out", str(target)).exit_code == 0
    assert target.read_text() == printed


def test_keys_are_made_for_their_owner_alone_and_work_as_pasted(registry: Registry) -> None:
    result = gateway("keys")
    assert result.exit_code == 0
    assert "makes every citizen a new person for every\nagency" in result.output
    key, secret = Path("keys/assertion.pem"), Path("keys/pairwise.secret")
    assert [stat.S_IMODE(path.stat().st_mode) for path in (key, secret)] == [0o600, 0o600]
    block = result.output.partition("Paste into gateway.yaml:\n\n")[2].partition("\n\n")[0]
    pasted = "\n".join(line.removeprefix("  ") for line in block.split("\n"))
    registry.gateway(gateway_text() + pasted + "\n")
    snapshot = registry.load()
    assert snapshot.assertion.keys == (key.read_text().rstrip("\n"),)
    assert snapshot.assertion.pairwise_secret == secret.read_text().strip()
    assert secret.read_text().strip() not in result.output


def test_keys_are_never_overwritten(registry: Registry) -> None:
    gateway("keys")
    former = Path("keys/assertion.pem").read_text()
    again = gateway("keys")
    assert again.exit_code == 1
    assert "exists and stays as it is" in again.output
    assert Path("keys/assertion.pem").read_text() == former


def test_a_key_is_changed_in_three_steps_that_work_as_pasted(registry: Registry) -> None:
    gateway("keys")
    for number in (2, 3):
        result = gateway("keys", "--rotate")
        assert result.exit_code == 0
        assert Path(f"keys/assertion-{number}.pem").exists()
    steps = [line.strip() for line in result.output.split("\n") if line.strip().startswith("keys:")]
    for step, count in zip(steps, (2, 2, 1), strict=True):
        registry.gateway(gateway_text(identity=f"\n  assertion:\n    issuer: http://g\n    {step}"))
        assert len(registry.load().assertion.keys) == count
    assert "assertion-2.pem" in steps[0]


def test_there_must_be_a_key_to_change(registry: Registry) -> None:
    result = gateway("keys", "--rotate")
    assert result.exit_code == 1
    assert "holds no assertion key" in result.output


def test_a_folder_for_keys_that_cannot_be_made_is_told_plainly(registry: Registry) -> None:
    result = gateway("keys", "--out", "gateway.yaml/keys")
    assert result.exit_code == 1
    assert "Not a directory" in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(("more", "kind"), [((), "uvicorn"), (("--server", "granian"), "granian")])
def test_run_hands_its_arguments_on_and_ends_as_told(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...], kind: str
) -> None:
    seen: list[object] = []

    def serve(config: Path, **arguments: object) -> int:
        seen.append((config, arguments))
        return 3

    monkeypatch.setattr(workers, "run", serve)
    result = gateway("run", "--host", "::1", "--port", "0", "--ops-port", "1", "--workers", "2", "--strict", *more)
    assert result.exit_code == 3
    asked = {"host": "::1", "port": 0, "ops_port": 1, "workers": 2, "strict": True, "kind": kind}
    assert seen == [(Path("gateway.yaml"), asked)]


def test_run_tells_a_refused_configuration_plainly(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    def serve(config: Path, **arguments: object) -> int:
        raise ConfigError([ConfigProblem(Origin("f", 1, 2), "x", "why", "do")])

    monkeypatch.setattr(workers, "run", serve)
    result = gateway("run")
    assert (result.exit_code, result.stderr) == (1, "1 problem in the configuration\nf:1:2: x: why\n    fix: do\n")
