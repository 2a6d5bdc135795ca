"""The registry of a whole country's worth of services loads, and twice as much costs twice as much."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType

from gateway.registry.load import load
from gateway.rules.matching import Match
from tests.registry.files import Registry, service_text

ROUTES = 20


def fill(registry: Registry, services: int) -> None:
    for number in range(services):
        name = f"s{number}"
        routes = [
            f"\n  - path: /v1/{name}/r{one}/{{id}}\n    methods: [GET]\n    cache: {{ttl: 10m}}"
            for one in range(ROUTES)
        ]
        registry.service(service_text(name=name, routes="".join(routes)), name)


def calls_to_load(directory: Path, services: int) -> int:
    """Count the calls, in Python and C, that loading takes: a measure that no busy machine disturbs."""
    directory.mkdir()
    registry = Registry(directory)
    fill(registry, services)
    registry.load()  # what is made once, such as compiled patterns, is made now
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    former = sys.getprofile()
    sys.setprofile(count)
    try:
        registry.load()
    finally:
        sys.setprofile(former)
    return calls


def test_ten_thousand_routes_in_five_hundred_files_load(registry: Registry) -> None:
    """Forty thousand are loaded by `make bench SUITE=scale`; what the next test counts says how they come."""
    fill(registry, 500)
    snapshot = load(registry.config, strict=True, environment={})
    assert (len(snapshot.services), len(snapshot.routes)) == (500, 500 * ROUTES)
    found = snapshot.matcher.match(b"GET", b"/v1/s499/r19/7")
    assert isinstance(found, Match)
    assert str(found.value.origins["path"]).endswith("services/s499.yaml:65:11")


def test_twice_the_services_take_twice_the_work(tmp_path: Path) -> None:
    few = calls_to_load(tmp_path / "few", 30)
    many = calls_to_load(tmp_path / "many", 120)
    assert many < 4.2 * few


def test_a_file_of_ten_thousand_routes_loads(registry: Registry) -> None:
    routes = [f"\n  - {{path: '/v1/permits/r{one}/{{id}}', methods: [GET]}}" for one in range(10_000)]
    registry.service(service_text(routes="".join(routes)))
    assert len(registry.load().routes) == 10_000
