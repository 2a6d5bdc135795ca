"""Every kind of error: told at its place, with its value, the reason and the remedy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.registry.problems import ConfigError, ConfigProblem, Origin
from tests.registry.files import MARK, Registry, gateway_text, service_text, unmarked


@dataclass(frozen=True)
class Wrong:
    """One mistake: the settings it is made in, and what is told of it."""

    changes: dict[str, str]
    told: str
    remedy: str | None

    def __str__(self) -> str:
        return "; ".join(f"{key}: {text}" for key, text in self.changes.items())

    def check(self, problem: ConfigProblem, place: tuple[int, int], directory: Path) -> None:
        assert (problem.origin.line, problem.origin.column) == place
        told = f"{problem.value}: {problem.reason}".removeprefix(": ").replace(str(directory), "DIR")
        assert told == self.told
        assert problem.remedy
        assert self.remedy is None or problem.remedy == self.remedy
        assert "hunter2" not in str(problem)


def wrongs(name: str) -> list[Wrong]:
    """Read mistakes from the file `name` beside this one."""
    found = []
    for paragraph in Path(__file__).with_name(name).read_text().split("\n\n")[1:]:
        lines = paragraph.strip().split("\n")
        changes = dict(line.split(":", 1) for line in lines if line[:2] not in ("= ", "! "))
        [told] = [line[2:] for line in lines if line.startswith("= ")]
        remedy = next((line[2:] for line in lines if line.startswith("! ")), None)
        found.append(Wrong({key: text.strip() for key, text in changes.items()}, told, remedy))
    return found


@pytest.mark.parametrize("wrong", wrongs("wrong_service.txt"), ids=str)
def test_what_a_service_says_wrongly_is_told(registry: Registry, wrong: Wrong) -> None:
    text, place = unmarked(service_text(**wrong.changes))
    registry.service(text)
    [problem] = registry.problems()
    wrong.check(problem, place, registry.directory)


@pytest.mark.parametrize("wrong", wrongs("wrong_gateway.txt"), ids=str)
def test_what_gateway_yaml_says_wrongly_is_told(registry: Registry, wrong: Wrong) -> None:
    text, place = unmarked(gateway_text(**wrong.changes))
    registry.gateway(text)
    registry.service(service_text())
    [problem] = registry.problems()
    wrong.check(problem, place, registry.directory)


@pytest.mark.parametrize(
    ("key", "remedy"),
    [
        ("version", "write `version: 1`"),
        ("name", "write `name: permits`"),
        ("title", "write `title: {id: Perizinan, en: Permits}`"),
        ("agency", "write `agency: {code: DPMPTSP}`"),
        ("upstream", 'write `upstream: {targets: ["http://10.1.2.3:8102", "http://10.1.2.4:8102"]}`'),
        ("routes", "write `routes: [{path: /v1/permits/types/{code}, methods: [GET]}]`"),
    ],
)
def test_what_is_missing_is_told_with_an_example(registry: Registry, key: str, remedy: str) -> None:
    registry.service(service_text(**{key: None}))
    assert registry.told() == [f"services/permits.yaml:1:1: `{key}` is missing\n    fix: {remedy}"]


def test_a_text_that_is_too_long_is_told_shortened(registry: Registry) -> None:
    registry.service(service_text(title=f"{{id: {'a' * 2_001}, en: b}}"))
    [problem] = registry.problems()
    assert (problem.value, problem.remedy) == ("a" * 59 + "…", "write 2000 characters or fewer")


def pem(key: ec.EllipticCurvePrivateKey | RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_keys_that_cannot_sign_are_refused_before_they_are_used(registry: Registry) -> None:
    (registry.directory / "rsa.pem").write_bytes(pem(generate_rsa(65_537, 2_048)))
    (registry.directory / "p384.pem").write_bytes(pem(ec.generate_private_key(ec.SECP384R1())))
    keys = '[\n"${file:rsa.pem}",\n"${file:p384.pem}",\n"${env:KEY}"]'
    registry.environment = {"KEY": "hunter2"}
    registry.gateway(gateway_text(identity=f"{{assertion: {{issuer: http://g, keys: {keys}}}}}"))
    assert [(problem.origin.line, problem.value, problem.reason) for problem in registry.problems()] == [
        (5, "${file:rsa.pem}", "not a key on the curve P-256, which ES256 needs"),
        (6, "${file:p384.pem}", "not a key on the curve P-256, which ES256 needs"),
        (7, "${env:KEY}", "not an unencrypted private key in PEM"),
    ]


def test_one_key_and_several_are_not_both_written(registry: Registry) -> None:
    (registry.directory / "k").write_bytes(pem(ec.generate_private_key(ec.SECP256R1())))
    both = '{issuer: http://g, key: "${file:k}", keys: ["${file:k}"]}'
    registry.gateway(gateway_text(identity=f"{{assertion: {both}}}"))
    assert [problem.reason for problem in registry.problems()] == ["both `key` and `keys` are written"]


def test_a_whole_problem_reads_well(registry: Registry) -> None:
    registry.service(service_text(max_body="5"))
    assert registry.told() == [
        "services/permits.yaml:8:11: 5: 5 what? A number alone is no size\n    fix: write 5KB or 5MB"
    ]


def test_all_problems_of_all_files_are_told_at_once_and_sorted(registry: Registry) -> None:
    registry.gateway(gateway_text(store="mysql://", cors=""))
    registry.service(service_text(max_body="5", enabled="yes"), "a")
    registry.service("version: 1\n\tname: x\n", "b")
    registry.service(service_text(name="c", routes="[{path: /v1/d, methods: [GET]}]"), "c")
    places = [(problem.origin.file.rpartition("/")[2], problem.origin.line) for problem in registry.problems()]
    assert places == [
        ("gateway.yaml", 4),
        ("gateway.yaml", 5),
        ("a.yaml", 8),
        ("a.yaml", 9),
        ("b.yaml", 2),
        ("c.yaml", 7),
    ]


def test_one_mistake_is_one_problem(registry: Registry) -> None:
    registry.service(service_text(max_body="${env:NONE}"))
    [problem] = registry.problems()
    assert problem.reason == "the environment variable NONE is not set"


def test_values_filled_in_are_shown_as_they_are_written(registry: Registry) -> None:
    registry.environment = {"SECRET": "hunter2", "TOKEN": "hunter2hunter2"}
    (registry.directory / "services" / "secret").write_text("hunter2")
    references = {
        "max_body": "${env:SECRET}",
        "openapi": "${file:secret}",
        "class": "${env:SECRET}",
        "name": "${env:SECRET}!",
        "upstream": '{targets: ["http://user:${file:secret}@h"], timeout: {total: "${env:SECRET}"}}',
        "routes": '[{path: "/v1/permits/{${env:SECRET}", methods: ["${env:SECRET}"]}]',
    }
    registry.service(service_text(**references))
    registry.gateway(gateway_text(store="${env:SECRET}", server='{public: h:1, ops: h:2, admin_token: "${env:TOKEN}"}'))
    told = "\n".join(registry.told())
    assert len(registry.problems()) == 10  # each of the eight settings above, the store and the token
    assert "hunter2" not in told
    for written in ("${env:SECRET}", "${file:secret}", "http://user:${file:secret}@h", "${env:TOKEN}"):
        assert written in told


def test_a_file_that_holds_no_mapping_is_told(registry: Registry) -> None:
    registry.service("- a\n")
    assert registry.told() == [
        "services/permits.yaml:1:1: `key: value` lines are needed\n    fix: begin with `version: 1`"
    ]


def test_a_missing_gateway_yaml_is_told(registry: Registry) -> None:
    registry.config.unlink()
    assert registry.told() == [
        "gateway.yaml:1:1: the file does not exist\n    fix: create it, or name another with --config PATH"
    ]


def test_an_error_counts_and_lists_its_problems() -> None:
    second = ConfigProblem(Origin("b.yaml", 2, 1), "x", "why", "do")
    first = ConfigProblem(Origin("a.yaml", 10, 1), "", "why", "do")
    error = ConfigError([second, first, second])
    assert error.problems == (first, second)
    assert str(error) == (
        "2 problems in the configuration\na.yaml:10:1: why\n    fix: do\nb.yaml:2:1: x: why\n    fix: do"
    )
    assert str(ConfigError([first])).startswith("1 problem in")
    assert first.line == "a.yaml:10:1: why; fix: do"


def test_the_mark_of_these_tests_is_no_yaml() -> None:
    assert MARK not in service_text() + gateway_text()
