"""What the supervisor gives a worker to serve: one registry, and the keys that were made for this run.

It goes over their socket pair only: never through an argument, the environment or a file, where others could read it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from gateway.identity.signing import complete_with
from gateway.registry.rebuild import Texts, rebuild, texts_of
from gateway.registry.snapshot import AssertionPolicy, Snapshot, Source
from gateway.workers.channel import Body


@dataclass(frozen=True, slots=True)
class Handover:
    """One generation of the machine's registry. `made` holds what `complete` made for this run, if anything."""

    generation: int
    digest: str
    texts: Texts
    made: AssertionPolicy

    @classmethod
    def of(cls, config: Path, snapshot: Snapshot, made: AssertionPolicy, generation: int) -> Handover:
        return cls(generation, snapshot.digest, texts_of(config, snapshot), made)

    def build(self, config: Path) -> Snapshot:
        """Return the snapshot it stands for. Raises ConfigError."""
        snapshot = rebuild(config, self.texts)
        # What there is to warn of, the supervisor has told once for all.
        return replace(snapshot, assertion=complete_with(snapshot.assertion, self.made), warnings=())

    def to_json(self) -> Body:
        return {
            "generation": self.generation,
            "digest": self.digest,
            "sources": [[source.path, source.text.decode()] for source in self.texts.sources],
            "names": dict(self.texts.names),
            "absent": list(self.texts.absent),
            "keys": list(self.made.keys),
            "secret": self.made.pairwise_secret,
        }

    @classmethod
    def from_json(cls, body: Body) -> Handover:
        sources = tuple(Source(path, text.encode()) for path, text in body["sources"])
        made = AssertionPolicy(issuer="", keys=tuple(body["keys"]), pairwise_secret=body["secret"])
        return cls(body["generation"], body["digest"], Texts(sources, body["names"], tuple(body["absent"])), made)
