"""Writes the files of the gateway's secrets and says what to do with them. It makes no key, and overwrites nothing."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

SIGNING_KEY: Final = "assertion.pem"
PAIRWISE_SECRET: Final = "pairwise.secret"  # noqa: S105 the name of a file
_NUMBERED: Final = re.compile(r"assertion(?:-([0-9]+))?\.pem")


class KeyFilesExist(Exception):
    """A file that would be made is there already; the text says what to do."""


def write_first(folder: Path, config_folder: Path, *, key: str, secret: str) -> str:
    """Write an assertion key and a pairwise secret to `folder`; return what to paste. Raises KeyFilesExist, OSError."""
    for name in (SIGNING_KEY, PAIRWISE_SECRET):
        if (folder / name).exists():
            raise KeyFilesExist(
                f"{folder / name} exists and stays as it is. A new assertion key is made with --rotate; "
                "the pairwise secret is never changed, for it would make every citizen a new person for every agency."
            )
    _write(folder / SIGNING_KEY, key)
    _write(folder / PAIRWISE_SECRET, secret + "\n")
    place = _place(folder, config_folder)
    return f"""\
made {folder / SIGNING_KEY} and {folder / PAIRWISE_SECRET}, readable by you alone

Paste into gateway.yaml:

  identity:
    assertion:
      issuer: https://api.example.go.id   # the gateway's public address
      key: ${{file:{place}/{SIGNING_KEY}}}
    pairwise_secret: ${{file:{place}/{PAIRWISE_SECRET}}}

Keep a copy of {PAIRWISE_SECRET} where it cannot be lost. Whoever changes it makes every citizen a new person for every
agency: nobody finds their applications and reports again."""


def write_next(folder: Path, config_folder: Path, *, key: str) -> str:
    """Write one more assertion key to `folder`; return the steps to change to it. Raises KeyFilesExist, OSError."""
    numbers = {int(match[1] or 1): match[0] for name in _names(folder) if (match := _NUMBERED.fullmatch(name))}
    if not numbers:
        raise KeyFilesExist(f"{folder} holds no assertion key to rotate; make the first with `gateway keys`")
    former = numbers[max(numbers)]
    new = f"assertion-{max(numbers) + 1}.pem"
    _write(folder / new, key)
    place = _place(folder, config_folder)
    former_line, new_line = f'"${{file:{place}/{former}}}"', f'"${{file:{place}/{new}}}"'
    return f"""\
made {folder / new}, readable by you alone

Three reloads (SIGHUP) change to it without one refused request. Under identity.assertion, in place of `key`:

  1. now: publish it, while the former still signs
     keys: [{former_line}, {new_line}]

  2. when agencies have fetched the new key set (an hour later): let it sign
     keys: [{new_line}, {former_line}]

  3. when the last assertion of the former key has expired (a minute later)
     keys: [{new_line}]
     and delete {folder / former}

The pairwise secret stays as it is."""


def _names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # O_EXCL: between the look and the writing, nobody else's file is overwritten either.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def _place(folder: Path, config_folder: Path) -> str:
    """Return the folder as gateway.yaml names it, relative to its own."""
    return Path(os.path.relpath(folder, config_folder)).as_posix()
