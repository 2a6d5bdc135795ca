"""Loads the registry: strictly for a check or a reload; on a cold start with what was accepted last behind it.

A cold start must not leave the city without services for one agency's typing error, so a broken file is put in
quarantine: its last accepted version serves, or that one service is left out. A reload has something better, the
snapshot that serves now, and so refuses any error whole.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from gateway.registry.accepted import Accepted, recall, state_directory
from gateway.registry.assembly import Assembly, Whole, snapshot_of
from gateway.registry.attempt import Attempt, read_accepted, read_files
from gateway.registry.problems import ConfigError, ConfigProblem
from gateway.registry.snapshot import Quarantined, Snapshot
from gateway.registry.sources import display


def load(path: Path, *, strict: bool, environment: Mapping[str, str] | None = None) -> Snapshot:
    """Load the registry of gateway.yaml at `path` for a cold start. Raises ConfigError.

    Strict, any error refuses. Else an error in one service's file quarantines that file, and an error in gateway.yaml
    lets the last accepted registry serve whole; ConfigError remains when nothing was accepted before.
    """
    environment = os.environ if environment is None else environment
    attempt = read_files(Assembly(path, environment))
    accepted = None if strict else recall(_state_directory(attempt, environment), path.name)
    if accepted is not None:
        owners = {name: display(path, file) for file, name in accepted.names.items()}
        attempt = replace(attempt, owners=owners)
    problems = attempt.problems()
    if not problems:
        return _snapshot(attempt, attempt.together())
    if strict:
        raise ConfigError(problems)
    return _quarantined(attempt, accepted) or _last_accepted(attempt, accepted, problems)


def reload(path: Path, *, environment: Mapping[str, str] | None = None) -> Snapshot:
    """Load the registry anew. Raises ConfigError for any error; the caller keeps what it has."""
    return load(path, strict=True, environment=environment)


def _state_directory(attempt: Attempt, environment: Mapping[str, str]) -> Path:
    """Find where the last accepted registry is kept, however broken gateway.yaml is."""
    gateway = attempt.gateway
    if gateway is not None and gateway.compiled is not None:
        return Path(gateway.compiled.state)
    return state_directory(b"" if gateway is None else gateway.source.text, attempt.assembly.config.parent, environment)


def _snapshot(attempt: Attempt, whole: Whole) -> Snapshot:
    assert attempt.gateway is not None  # without it there are problems
    snapshot = snapshot_of(attempt.gateway, attempt.services.values(), whole)
    return replace(snapshot, warnings=(*snapshot.warnings, *attempt.warnings))


def _quarantined(attempt: Attempt, accepted: Accepted | None) -> Snapshot | None:
    """Replace broken files by their last accepted versions, or by nothing, until what is left agrees.

    None when gateway.yaml itself is wrong, or does not agree with what is left.
    """
    if attempt.gateway is None or attempt.gateway.compiled is None or attempt.gateway.problems:
        return None
    names = {path: attempt.name_of(path) for path in (*attempt.services, *attempt.unread)}
    former = {} if accepted is None else dict(accepted.services)
    errors: dict[str, list[ConfigProblem]] = {}
    whole = attempt.together(absent={names[path] for path in attempt.broken()})
    while blamed := _blamed(attempt, whole):  # ends: each round takes one version of a file away, and none has over two
        for path, problems in blamed.items():
            attempt = attempt.with_service(path, former.get(path) if path not in errors else None)
            errors.setdefault(path, []).extend(problems)
        whole = attempt.together(absent={names[path] for path in errors})
    if whole.problems:
        return None
    left_out = {path: source for path, source in former.items() if path in errors and path not in attempt.services}
    snapshot = _snapshot(attempt, whole)
    return replace(
        snapshot,
        quarantined=tuple(_entry(attempt, path, names[path], errors[path]) for path in sorted(errors)),
        # The accepted version of a file that is left out is kept too: it may serve when what it lacks is back.
        sources=(*snapshot.sources, *left_out.values()),
        source_names={**snapshot.source_names, **{path: names[path] for path in left_out}},
    )


def _blamed(attempt: Attempt, whole: Whole) -> dict[str, list[ConfigProblem]]:
    """Return the problems by the services' files they stand in."""
    blamed = attempt.broken()
    paths = {display(attempt.assembly.config, path): path for path in attempt.services}
    for problem in whole.problems:
        if problem.origin.file in paths:
            blamed.setdefault(paths[problem.origin.file], []).append(problem)
    return blamed


def _entry(attempt: Attempt, path: str, name: str, problems: list[ConfigProblem]) -> Quarantined:
    return Quarantined(
        service=name,
        file=display(attempt.assembly.config, path),
        errors=tuple(problem.line for problem in sorted(set(problems))),
        serving_last_accepted=path in attempt.services,
    )


def _last_accepted(attempt: Attempt, accepted: Accepted | None, problems: list[ConfigProblem]) -> Snapshot:
    """Let the last accepted registry serve whole in place of a gateway.yaml that is refused."""
    if accepted is None:
        raise ConfigError(problems)
    former = read_accepted(attempt.assembly, accepted)
    if former.problems():
        raise ConfigError(problems)
    snapshot = _snapshot(former, former.together())
    config = attempt.assembly.config
    head = f"{display(config, config.name)} is refused; the registry accepted last serves"
    lines = tuple(problem.line for problem in sorted(set(problems)))
    return replace(snapshot, refused=lines, warnings=(head, *snapshot.warnings))
