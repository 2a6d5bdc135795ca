"""Keeps the last accepted registry on disk, so that a cold start has something to serve when a file is broken.

It keeps texts as they were written, never what was filled into them, in one file that is replaced whole.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gateway.registry.interpolation import Interpolation, Unresolved
from gateway.registry.snapshot import Snapshot, Source

FILE_NAME: Final = "accepted.json"
DEFAULT_STATE: Final = ".gateway"  # as the model of gateway.yaml has it
_FORMAT: Final = 1
# The state folder is named in gateway.yaml, and is needed most when the rest of that file cannot be read.
_STATE_LINE: Final = re.compile(r"""^[^#\n]*?(?<![\w-])state:\s*["']?((?:\$\{[^}]*\}|[^\s"',}#])+)""", re.MULTILINE)


class NotRemembered(Exception):
    """The accepted registry could not be kept; the text says why and what to do. Serving is not affected."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What was accepted last."""

    digest: str
    gateway: Source
    services: Mapping[str, Source] = field(default_factory=dict)  # by path
    names: Mapping[str, str] = field(default_factory=dict)  # path -> name of its service


def remember(snapshot: Snapshot) -> None:
    """Keep the sources of an accepted snapshot in its state folder, mode 0600. Raises NotRemembered.

    The file is replaced in one step: a crash leaves the former or the new one, never half of it.
    """
    directory = Path(snapshot.state_directory)
    files = [{"path": source.path, "text": source.text.decode()} for source in snapshot.sources]
    content = {"format": _FORMAT, "digest": snapshot.digest, "names": dict(snapshot.source_names), "files": files}
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _replace(directory / FILE_NAME, json.dumps(content, ensure_ascii=False, indent=1).encode())
    except OSError as error:
        remedy = "let the gateway write there, or name another folder with `server: {state: …}`"
        reason = f"the accepted registry cannot be kept in {directory}: {error.strerror}; {remedy}"
        raise NotRemembered(reason) from error


def _replace(path: Path, content: bytes) -> None:
    # mkstemp makes the file with mode 0600, and a name of its own for each worker that does this at once.
    descriptor, temporary = tempfile.mkstemp(prefix=path.name, dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def recall(directory: Path, name: str) -> Accepted | None:
    """Return what was accepted last of the gateway.yaml called `name`; None when nothing was or it cannot be read.

    Another configuration in the same folder is somebody else's: a mistyped `--config` must not start it.
    """
    try:
        content = json.loads((directory / FILE_NAME).read_bytes())
        sources = [Source(str(file["path"]), str(file["text"]).encode()) for file in content["files"]]
        names = {str(path): str(name) for path, name in content["names"].items()}
        gateway, *services = sources
        if content["format"] != _FORMAT or gateway.path != name:
            return None
        return Accepted(str(content["digest"]), gateway, {source.path: source for source in services}, names)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def state_directory(gateway_text: bytes, folder: Path, environment: Mapping[str, str]) -> Path:
    """Find the state folder even when gateway.yaml is broken, by the line that names it."""
    named = _STATE_LINE.search(gateway_text.decode(errors="replace"))
    try:
        name = Interpolation(folder, environment).fill(named[1]).text if named is not None else DEFAULT_STATE
    except Unresolved:
        name = DEFAULT_STATE
    return folder / name
