"""A cold start that meets errors: what serves, what is told, and what is kept for the next time."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from gateway.registry.accepted import FILE_NAME, NotRemembered, remember
from gateway.registry.load import reload
from gateway.registry.problems import ConfigError
from gateway.registry.snapshot import Snapshot
from tests.registry.files import Registry, gateway_text, service_text

BROKEN = service_text(max_body="5")
OTHER = service_text(name="other", routes="[{path: /v1/other/a, methods: [GET]}]")


def accept(registry: Registry) -> Snapshot:
    """Load strictly and keep what was accepted."""
    snapshot = registry.load()
    remember(snapshot)
    return snapshot


def templates(snapshot: Snapshot) -> list[str]:
    return sorted(route.template for route in snapshot.routes)


@pytest.fixture
def two(registry: Registry) -> Registry:
    """A registry with two services, accepted."""
    registry.service(service_text())
    registry.service(OTHER, "other")
    accept(registry)
    return registry


def test_a_broken_file_serves_its_last_accepted_version(two: Registry) -> None:
    two.service(BROKEN)
    snapshot = two.load(strict=False)
    assert templates(snapshot) == ["/v1/other/a", "/v1/permits/types"]
    [entry] = snapshot.quarantined
    assert (entry.service, entry.serving_last_accepted) == ("permits", True)
    assert entry.file == str(two.directory / "services/permits.yaml")
    assert entry.errors == (
        f"{two.directory}/services/permits.yaml:8:11: 5: 5 what? A number alone is no size; fix: write 5KB or 5MB",
    )


def test_a_broken_file_never_accepted_leaves_its_service_out_and_all_others_serve(registry: Registry) -> None:
    registry.service(BROKEN)
    registry.service(OTHER, "other")
    snapshot = registry.load(strict=False)
    assert templates(snapshot) == ["/v1/other/a"]
    [entry] = snapshot.quarantined
    assert (entry.service, entry.serving_last_accepted) == ("permits", False)


def test_a_file_that_is_no_yaml_is_known_by_its_name(registry: Registry) -> None:
    registry.service("version: 1\n\tname: x\n", "permits")
    [entry] = registry.load(strict=False).quarantined
    assert entry.service == "permits"


def test_a_file_that_cannot_be_read_serves_its_last_accepted_version(two: Registry) -> None:
    path = two.directory / "services" / "permits.yaml"
    path.unlink()
    path.symlink_to("/proc/self/mem")  # a file whose reading fails, for root too
    snapshot = two.load(strict=False)
    assert templates(snapshot) == ["/v1/other/a", "/v1/permits/types"]
    assert [entry.service for entry in snapshot.quarantined] == ["permits"]
    assert "the file cannot be read" in snapshot.quarantined[0].errors[0]


def test_a_file_that_was_deleted_is_a_service_that_was_deleted(two: Registry) -> None:
    (two.directory / "services" / "permits.yaml").unlink()
    snapshot = two.load(strict=False)
    assert templates(snapshot) == ["/v1/other/a"]
    assert snapshot.quarantined == ()


def test_a_last_accepted_version_that_does_not_hold_any_more_leaves_the_service_out_but_is_kept(
    registry: Registry,
) -> None:
    registry.environment = {"CODE": "X"}
    registry.service(service_text(agency='{code: "${env:CODE}"}'))
    accept(registry)
    registry.environment = {}
    registry.service(BROKEN)
    snapshot = registry.load(strict=False)
    assert snapshot.routes == ()
    assert [entry.serving_last_accepted for entry in snapshot.quarantined] == [False]
    assert len(snapshot.quarantined[0].errors) == 2
    remember(snapshot)
    registry.environment = {"CODE": "X"}
    assert templates(registry.load(strict=False)) == ["/v1/permits/types"]


def test_strict_and_reload_refuse_any_error(two: Registry) -> None:
    two.service(BROKEN)
    with pytest.raises(ConfigError):
        two.load(strict=True)
    with pytest.raises(ConfigError):
        reload(two.config)


def test_what_is_quarantined_does_not_replace_what_was_accepted(two: Registry) -> None:
    two.service(BROKEN)
    for _ in range(3):
        remember(two.load(strict=False))
    assert templates(two.load(strict=False)) == ["/v1/other/a", "/v1/permits/types"]
    two.service(service_text(routes="[{path: /v1/permits/new, methods: [GET]}]"))
    accept(two)
    two.service(BROKEN)
    assert templates(two.load(strict=False)) == ["/v1/other/a", "/v1/permits/new"]


def test_a_newcomer_cannot_take_the_name_of_an_accepted_service(two: Registry) -> None:
    two.service(service_text(routes="[{path: /v1/permits/stolen, methods: [GET]}]"), "aaa")
    snapshot = two.load(strict=False)
    assert templates(snapshot) == ["/v1/other/a", "/v1/permits/types"]
    assert [(Path(entry.file).name, entry.serving_last_accepted) for entry in snapshot.quarantined] == [
        ("aaa.yaml", False)
    ]


def test_of_two_newcomers_with_one_name_neither_serves(registry: Registry) -> None:
    registry.service(service_text(), "a")
    registry.service(service_text(), "b")
    snapshot = registry.load(strict=False)
    assert snapshot.routes == ()
    assert len(snapshot.quarantined) == 2


def test_a_part_of_home_whose_service_is_left_out_is_a_warning(registry: Registry) -> None:
    parts = "[{name: a, path: /v1/permits/types}, {name: b, path: /v1/other/a}]"
    registry.gateway(gateway_text(aggregates=f"[{{path: /v1/home, parts: {parts}}}]"))
    registry.service(BROKEN)
    registry.service(OTHER, "other")
    snapshot = registry.load(strict=False)
    assert templates(snapshot) == ["/v1/home", "/v1/other/a"]
    assert [warning.partition(": ")[2] for warning in snapshot.warnings] == [
        "the part a is missing while permits is not served"
    ]


def test_a_broken_gateway_yaml_serves_the_registry_accepted_last_whole(two: Registry) -> None:
    two.gateway(gateway_text(store="mysql://"))
    two.service(service_text(routes="[{path: /v1/permits/new, methods: [GET]}]"))
    snapshot = two.load(strict=False)
    assert templates(snapshot) == ["/v1/other/a", "/v1/permits/types"]
    assert [line.replace(f"{two.directory}/", "") for line in snapshot.refused] == [
        "gateway.yaml:4:8: (hidden): the store URL begins with 'mysql'; fix: "
        "it must begin with one of memory://, redis://, rediss://, redis+sentinel://, rediss+sentinel://, "
        "redis+cluster://, rediss+cluster://"
    ]
    assert "is refused; the registry accepted last serves" in snapshot.warnings[0]
    remember(snapshot)
    assert templates(two.load(strict=False)) == ["/v1/other/a", "/v1/permits/types"]


@pytest.mark.parametrize("text", ["", "version: [\n", None], ids=["empty", "no YAML", "missing"])
def test_a_gateway_yaml_that_cannot_be_read_serves_the_registry_accepted_last(two: Registry, text: str | None) -> None:
    two.config.unlink()
    if text is not None:
        two.gateway(text)
    snapshot = two.load(strict=False)
    assert templates(snapshot) == ["/v1/other/a", "/v1/permits/types"]
    assert len(snapshot.refused) == 1


@pytest.mark.parametrize(
    "server",
    [
        "{public: h:1, ops: h:2, state: kept}",
        "{public: h:1, ops: h:2, state: 'kept', admin_token: ''}",
        "\n  public: h:1\n  ops: h:2\n  # state: elsewhere\n  state: kept # here",
        '{public: h:1, ops: h:2, state: "${env:STATE:-kept}"}',
    ],
)
def test_the_folder_that_gateway_yaml_names_is_found_however_broken_the_rest_is(
    registry: Registry, server: str
) -> None:
    text = gateway_text(server=server)
    registry.gateway(text)
    registry.service(service_text())
    accept(registry)
    assert (registry.directory / "kept" / FILE_NAME).exists()
    registry.gateway(text + "]broken[")
    assert templates(registry.load(strict=False)) == ["/v1/permits/types"]


def test_a_folder_that_cannot_be_told_is_the_usual_one(registry: Registry) -> None:
    registry.service(service_text())
    accept(registry)
    registry.gateway('server: {state: "${env:NONE}"}\n]broken[')
    assert templates(registry.load(strict=False)) == ["/v1/permits/types"]


def test_a_broken_gateway_yaml_with_nothing_accepted_refuses_to_start(registry: Registry) -> None:
    registry.gateway(gateway_text(store="mysql://"))
    registry.service(BROKEN)
    with pytest.raises(ConfigError) as caught:
        registry.load(strict=False)
    assert len(caught.value.problems) == 2


def test_what_was_accepted_may_not_hold_any_more(registry: Registry) -> None:
    registry.environment = {"STORE": "memory://"}
    registry.gateway(gateway_text(store="${env:STORE}"))
    accept(registry)
    registry.environment = {}
    with pytest.raises(ConfigError) as caught:
        registry.load(strict=False)
    assert [problem.reason for problem in caught.value.problems] == ["the environment variable STORE is not set"]


def test_a_gateway_yaml_that_does_not_agree_with_its_services_serves_what_was_accepted(two: Registry) -> None:
    two.gateway(gateway_text(aggregates="[{path: /v1/home, parts: [{name: a, path: /v1/permits/nothing}]}]"))
    snapshot = two.load(strict=False)
    assert templates(snapshot) == ["/v1/other/a", "/v1/permits/types"]
    assert len(snapshot.refused) == 1


def test_another_configuration_in_the_folder_is_not_started_in_place_of_a_mistyped_one(two: Registry) -> None:
    two.config = two.directory / "gatewya.yaml"
    with pytest.raises(ConfigError):
        two.load(strict=False)


@pytest.mark.parametrize("kept", ["", "{", "[]", "{}", '{"format": 2}', '{"format": 1, "files": []}'])
def test_a_damaged_memory_counts_as_none(registry: Registry, kept: str) -> None:
    registry.service(BROKEN)
    registry.service(OTHER, "other")
    state = registry.directory / ".gateway"
    state.mkdir()
    (state / FILE_NAME).write_text(kept)
    assert templates(registry.load(strict=False)) == ["/v1/other/a"]


def test_a_memory_of_another_format_counts_as_none(two: Registry) -> None:
    path = two.directory / ".gateway" / FILE_NAME
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 2}))
    two.service(BROKEN)
    assert templates(two.load(strict=False)) == ["/v1/other/a"]


def test_what_is_kept_is_readable_by_its_owner_alone_and_holds_no_secret_that_was_filled_in(registry: Registry) -> None:
    registry.environment = {"SECRET": "hunter2" * 6}
    registry.gateway(gateway_text(identity='{pairwise_secret: "${env:SECRET}"}'))
    registry.service(service_text())
    accept(registry)
    state = registry.directory / ".gateway"
    kept = state / FILE_NAME
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert "hunter2" not in kept.read_text()
    assert "${env:SECRET}" in kept.read_text()
    assert [path.name for path in state.iterdir()] == [FILE_NAME]


def test_what_cannot_be_kept_is_told_and_leaves_the_former_and_nothing_half(two: Registry) -> None:
    kept = two.directory / ".gateway" / FILE_NAME
    former = kept.read_bytes()
    kept.unlink()
    kept.mkdir()
    (kept / "in the way").touch()
    with pytest.raises(NotRemembered, match="let the gateway write there"):
        remember(two.load())
    assert [path.name for path in kept.parent.iterdir()] == [FILE_NAME]
    assert former
