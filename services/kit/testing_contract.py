"""For the services' tests: schemathesis, all its checks, against what the service itself says in /openapi.json."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.engine import events, from_schema
from schemathesis.engine.recorder import CheckFailureInfo, ScenarioRecorder
from schemathesis.openapi.checks import RejectedPositiveData
from schemathesis.python.asgi import shutdown_lifespans
from starlette.applications import Starlette

_EXAMPLES = 4  # for each operation and way of making them up; what the schema's limits suggest comes on top
_SEED = 3671
# What a schema cannot forbid: which cursors, versions and keys exist is known only when they are used, and NUL
# would have to be excluded by a pattern in every text of every document.
_ALWAYS_REFUSED = frozenset({"bad-cursor", "precondition-failed", "idempotency-key-reused", "nul-character"})


@dataclass(frozen=True, slots=True)
class _Leeway:
    may_refuse: Mapping[str, Collection[str]]
    forgiving: Collection[str]

    def covers(self, recorder: ScenarioRecorder, case_id: str, info: CheckFailureInfo) -> bool:
        """Tell whether what a check complains of is meant to be so."""
        operation_id = recorder.cases[case_id].value.operation.definition.raw["operationId"]
        answer = recorder.interactions[case_id].response
        if isinstance(info.failure, AcceptedNegativeData):
            return operation_id in self.forgiving and "violates `pattern`" in info.failure.message
        if not isinstance(info.failure, RejectedPositiveData) or answer is None:
            return False
        code = json.loads(answer.content).get("code")
        return code in _ALWAYS_REFUSED or code in self.may_refuse.get(operation_id, ())


def check_contract(
    app: Starlette,
    headers: Mapping[str, str],
    *,
    left_out: Collection[str] = (),
    fixed: Mapping[str, object] = MappingProxyType({}),
    may_refuse: Mapping[str, Collection[str]] = MappingProxyType({}),
    forgiving: Collection[str] = (),
) -> None:
    """Send the service what its document allows and what it forbids; raise where it did not do as it says.

    `left_out` are operation ids; `fixed` gives parameters the only value they are sent with. `may_refuse` names, by
    operation id, the codes of problems with which an operation may answer what its schema allows; `forgiving` ones
    also take spellings that miss their pattern. The lifespan runs in a thread of its own, so call this in one too.
    """
    config = SchemathesisConfig.from_dict(_settings(headers, left_out, fixed))
    schema = schemathesis.openapi.from_asgi("/openapi.json", app, config=config)
    try:
        happened = from_schema(schema).execute()
        # One example of each kind of fault says enough.
        leeway = _Leeway(may_refuse, forgiving)
        faults = {kind: line for event in happened for kind, line in _faults(event, leeway)}
    finally:
        shutdown_lifespans()
    assert not faults, "\n".join(sorted(faults.values()))


def _settings(
    headers: Mapping[str, str], left_out: Collection[str], fixed: Mapping[str, object]
) -> dict[str, Any]:  # Any: a configuration file
    return {
        "seed": _SEED,
        "workers": 1,
        "continue-on-failure": True,
        "headers": dict(headers),
        "parameters": dict(fixed),
        "cache": {"enabled": False},  # what failed is told by the test; nothing is left in the folder
        "generation": {"max-examples": _EXAMPLES, "deterministic": True, "database": "none", "no-shrink": True},
        # 428 (RFC 6585) is how a missing If-Match is answered, and the documents say so.
        "checks": {"missing_required_header": {"expected-statuses": [400, 401, 403, 406, 415, 422, 428]}},
        "operations": [{"include-operation-id": name, "enabled": False} for name in left_out],
    }


def _faults(event: events.EngineEvent, leeway: _Leeway) -> Iterator[tuple[str, str]]:
    if isinstance(event, events.FatalError):
        raise event.exception
    if isinstance(event, events.NonFatalError):
        yield event.label, f"{event.label}: {event.value}"
    if not isinstance(event, events.ScenarioFinished):
        return
    for case_id, checks in event.recorder.checks.items():
        for info in (check.failure_info for check in checks):
            if info is not None and not leeway.covers(event.recorder, case_id, info):
                yield _told(event.recorder, case_id, info)


def _told(recorder: ScenarioRecorder, case_id: str, info: CheckFailureInfo) -> tuple[str, str]:
    answer = recorder.interactions[case_id].response
    said = f"{answer.status_code} {answer.text}" if answer is not None else "no answer"
    title = f"{recorder.cases[case_id].value.operation.label}: {info.failure.title}"
    kind = f"{title} {answer.status_code if answer is not None else 0}"
    return kind, f"{title}: {info.failure.message}\n    {info.code_sample}\n    {said}"
