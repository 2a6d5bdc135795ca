"""The Lua scripts, each one atomic step on the server. They stand in files of their own under `scripts/`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Script:
    """A script as the server knows it: by the SHA-1 of its text."""

    text: bytes
    sha: bytes


@dataclass(frozen=True, slots=True)
class Scripts:
    """All of them, read once by whoever opens a store."""

    take: Script
    peek: Script
    lease: Script
    refund: Script
    publish: Script
    claim: Script
    keep: Script
    release: Script
    purge: Script
    purges: Script
    enter: Script
    renew: Script
    count: Script

    @property
    def all(self) -> tuple[Script, ...]:
        counting = (self.take, self.peek, self.lease, self.refund)
        caching = (self.claim, self.keep, self.release, self.purge, self.purges)
        return (*counting, self.publish, *caching, self.enter, self.renew, self.count)


def load_scripts() -> Scripts:
    """Read the scripts that stand beside this file."""
    folder = files("gateway.store") / "scripts"
    state, lease = (folder / "tat.lua").read_bytes(), (folder / "in_flight.lua").read_bytes()

    def script(name: str, before: bytes = b"") -> Script:
        text = before + (folder / name).read_bytes()
        # The protocol names scripts by SHA-1; nothing is protected by it.
        return Script(text, hashlib.sha1(text, usedforsecurity=False).hexdigest().encode())

    return Scripts(
        take=script("take.lua", state),
        peek=script("peek.lua", state),
        lease=script("lease.lua", state),
        refund=script("refund.lua", state),
        publish=script("publish.lua"),
        claim=script("claim.lua"),
        keep=script("keep.lua"),
        release=script("release.lua"),
        purge=script("purge.lua"),
        purges=script("purges.lua"),
        enter=script("enter.lua", lease),
        renew=script("renew.lua", lease),
        count=script("count.lua", lease),
    )
