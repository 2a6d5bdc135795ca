"""For the services' tests: schemathesis, all its checks, against what the service itself says in /openapi.json."""

from collections.abc import Mapping, Sequence
from typing import Any

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.python.asgi import shutdown_lifespans
from starlette.applications import Starlette

_EXAMPLES = 15  # for each operation and way of making them up
_SEED = 3671


def contract_failures(
    app: Starlette,
    headers: Mapping[str, str],
    *,
    left_out: Sequence[str] = (),
    also_expected: Mapping[str, Sequence[str]] | None = None,
) -> list[str]:
    """Send the service what its document allows and what it forbids, and tell where it did not do as it says.

    `left_out` are operation ids. `also_expected` are statuses by which an operation may refuse what its schema
    allows, beyond the usual ones. The service's lifespan runs in a thread of its own: call this off the event loop.
    """
    config = SchemathesisConfig.from_dict(_settings(headers, left_out, also_expected or {}))
    schema = schemathesis.openapi.from_asgi("/openapi.json", app, config=config)
    try:
        return sorted({line for event in from_schema(schema).execute() for line in _told(event)})
    finally:
        shutdown_lifespans()


def _settings(
    headers: Mapping[str, str], left_out: Sequence[str], also_expected: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    usual = ["2xx", "3xx", "401", "403", "404", "409", "429"]
    operations: list[dict[str, Any]] = [{"include-operation-id": name, "enabled": False} for name in left_out]
    operations += [
        {
            "include-operation-id": name,
            "checks": {"positive_data_acceptance": {"expected-statuses": [*usual, *statuses]}},
        }
        for name, statuses in also_expected.items()
    ]
    return {
        "seed": _SEED,
        "workers": 1,
        "headers": dict(headers),
        "cache": {"enabled": False},  # what failed is told by the test; nothing is left in the folder
        "generation": {"max-examples": _EXAMPLES, "deterministic": True, "database": "none"},
        "checks": {"positive_data_acceptance": {"expected-statuses": usual}},
        "operations": operations,
    }


def _told(event: events.EngineEvent) -> list[str]:
    if isinstance(event, events.NonFatalError):
        return [f"{event.label}: {event.value}"]
    if isinstance(event, events.FatalError):
        raise event.exception
    if not isinstance(event, events.ScenarioFinished):
        return []
    return [
        f"{event.recorder.label}: {check.failure_info.failure.title}: {check.failure_info.failure.message}\n"
        f"    {check.failure_info.code_sample}"
        for checks in event.recorder.checks.values()
        for check in checks
        if check.failure_info is not None
    ]
