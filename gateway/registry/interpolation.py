"""Fills `${env:NAME}` and `${file:path}` into texts, each with or without a `:-default`; `$${` is a plain `${`.

It never tells what it filled in: errors name the variable or file, not the value.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MAX_FILE_BYTES: Final = 65_536  # a key, a password, a certificate: nothing that is filled in is larger

_REFERENCE: Final = re.compile(r"\$(?P<escape>\$\{)|\$\{(?P<kind>[^:}]*):?(?P<name>.*?)(?::-(?P<default>[^}]*))?\}")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SPELLING: Final = "write ${env:NAME}, ${env:NAME:-default} or ${file:path}; a literal ${ is written $${"


class Unresolved(Exception):
    """A reference that cannot be filled in."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Filled:
    """A text with its references filled in. `from_outside` tells that part of it is not written in the file."""

    text: str
    from_outside: bool


class Interpolation:
    """Fills references in texts of one file. Paths are relative to `directory`, the folder of that file."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self._directory = directory
        self._environment = environment
        self._fingerprints: set[str] = set()

    @property
    def fingerprint(self) -> str:
        """Changes whenever something filled in from outside changes; reveals nothing of it."""
        return hashlib.sha256("\n".join(sorted(self._fingerprints)).encode()).hexdigest()

    def fill(self, text: str) -> Filled:
        """Fill every reference in `text`. Raises Unresolved."""
        if "${" not in text:
            return Filled(text, from_outside=False)
        pieces: list[str] = []
        from_outside = False
        position = 0
        for reference in _REFERENCE.finditer(text):
            pieces.append(_literal(text[position : reference.start()]))
            position = reference.end()
            if reference["escape"]:
                pieces.append("${")
                continue
            value = self._value(reference["kind"], reference["name"])
            from_outside = from_outside or value is not None
            pieces.append(_or_default(value, reference))
        pieces.append(_literal(text[position:]))
        return Filled("".join(pieces), from_outside)

    def _value(self, kind: str, name: str) -> str | None:
        if kind == "env" and _NAME.fullmatch(name):
            value = self._environment.get(name)
        elif kind == "file" and name:
            value = self._file(name)
        else:
            raise Unresolved("a reference that cannot be read", _SPELLING)
        if value is not None:
            seen = f"{kind}\0{name}\0{value}".encode()
            self._fingerprints.add(hashlib.sha256(seen).hexdigest())
        return value

    def _file(self, name: str) -> str | None:
        path = self._directory / name
        try:
            with path.open("rb") as file:
                content = file.read(MAX_FILE_BYTES + 1)
        except FileNotFoundError:
            return None
        except ValueError:  # a null character
            raise Unresolved("a reference that cannot be read", _SPELLING) from None
        except OSError as error:
            remedy = f"let the gateway's user read {path}"
            raise Unresolved(f"the file {path} cannot be read: {error.strerror}", remedy) from None
        if len(content) > MAX_FILE_BYTES:
            raise Unresolved(f"the file {path} is larger than {MAX_FILE_BYTES} bytes", "name the file that is meant")
        try:
            # Editors and `echo` end a file with a line break that is no part of the secret.
            return content.decode().removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            raise Unresolved(f"the file {path} is not UTF-8 text", "write it as text, keys as PEM") from None


def _literal(text: str) -> str:
    if "${" in text:
        raise Unresolved("a `${` that is never closed", _SPELLING)
    return text


def _or_default(value: str | None, reference: re.Match[str]) -> str:
    if value is not None:
        return value
    kind, name, default = reference["kind"], reference["name"], reference["default"]
    if default is not None:
        return default
    if kind == "env":
        reason, remedy = f"the environment variable {name} is not set", f"set {name}, or write ${{env:{name}:-default}}"
    else:
        reason, remedy = f"the file {name} does not exist", "create it (`gateway keys` makes keys), or correct the path"
    raise Unresolved(reason, remedy)
