"""Finds and reads the files of a registry: gateway.yaml and what it includes, always in the same order."""

from __future__ import annotations

import glob
import os
import posixpath
from collections.abc import Iterable
from pathlib import Path

from gateway.registry.problems import ConfigProblem, Origin
from gateway.registry.reader import MAX_BYTES
from gateway.registry.snapshot import Source


def display(config: Path, path: str) -> str:
    """Return the name a file is told under: relative as the configuration was named, so that editors find it."""
    return posixpath.normpath(posixpath.join(config.parent.as_posix(), path))


def read_source(config: Path, path: str) -> Source | ConfigProblem:
    """Read one file of the registry of `config`."""
    origin = Origin(display(config, path), 1, 1)
    try:
        with (config.parent / path).open("rb") as file:
            return Source(path, file.read(MAX_BYTES + 1))
    except FileNotFoundError:
        return ConfigProblem(origin, "", "the file does not exist", "create it, or name another with --config PATH")
    except OSError as error:
        return ConfigProblem(origin, "", f"the file cannot be read: {error.strerror}", "let the gateway's user read it")


def included(config: Path, patterns: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the files that `patterns` name, sorted and each once, and the patterns that name none."""
    found: set[str] = set()
    idle: list[str] = []
    folder = config.parent
    for pattern in patterns:
        names = glob.glob(pattern, root_dir=folder, recursive=True)
        files = {posixpath.normpath(Path(name).as_posix()) for name in names if (folder / name).is_file()}
        files = {name for name in files if not os.path.samefile(folder / name, config)}
        if not files:
            idle.append(pattern)
        found |= files
    return sorted(found), idle
