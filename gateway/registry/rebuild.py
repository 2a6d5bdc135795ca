"""Builds a registry again from the texts another process accepted, so that both serve the same whatever the disk says.

What `${…}` stands for is filled in anew, as secrets are not handed about; the digest tells whether it is the same.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.registry.accepted import Accepted
from gateway.registry.assembly import Assembly, snapshot_of
from gateway.registry.attempt import read_accepted
from gateway.registry.problems import ConfigError
from gateway.registry.snapshot import Snapshot, Source
from gateway.registry.sources import display


@dataclass(frozen=True, slots=True)
class Texts:
    """What a snapshot was built of. `absent` are services that were left out of it."""

    sources: Sequence[Source]  # gateway.yaml first
    names: Mapping[str, str]  # path of a source -> its service
    absent: Sequence[str] = ()


def texts_of(config: Path, snapshot: Snapshot) -> Texts:
    """Return what builds `snapshot`, which was loaded from `config`, again."""
    out = {one.file: one.service for one in snapshot.quarantined if not one.serving_last_accepted}
    sources = tuple(source for source in snapshot.sources if display(config, source.path) not in out)
    return Texts(sources, snapshot.source_names, tuple(out.values()))


def rebuild(config: Path, texts: Texts, *, environment: Mapping[str, str] | None = None) -> Snapshot:
    """Build the registry of these texts. Raises ConfigError, as what they refer to may have changed or gone."""
    gateway, *services = texts.sources
    accepted = Accepted("", gateway, {source.path: source for source in services}, texts.names)
    attempt = read_accepted(Assembly(config, os.environ if environment is None else environment), accepted)
    whole = attempt.together(absent=texts.absent)
    problems = [*attempt.problems_of_files(), *whole.problems]
    if attempt.gateway is None or problems:
        raise ConfigError(problems)
    return snapshot_of(attempt.gateway, attempt.services.values(), whole)
