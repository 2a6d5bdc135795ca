from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.registry.interpolation import MAX_FILE_BYTES, Interpolation, Unresolved

ENVIRONMENT = {"HOST": "10.0.0.1", "EMPTY": "", "PASSWORD": "hunter2"}


def fill(text: str, directory: Path = Path()) -> str:
    return Interpolation(directory, ENVIRONMENT).fill(text).text


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("plain", "plain"),
        ("${env:HOST}", "10.0.0.1"),
        ("http://${env:HOST}:${env:PORT:-8102}/x", "http://10.0.0.1:8102/x"),
        ("${env:HOST:-elsewhere}", "10.0.0.1"),
        ("${env:EMPTY:-default}", ""),
        ("${env:NONE:-}", ""),
        ("${env:NONE:-a:-b}", "a:-b"),
        ("${env:STORE:-memory://}", "memory://"),
        ("$${env:HOST}", "${env:HOST}"),
        ("$5 and {x}", "$5 and {x}"),
        ("${file:none.txt:-}", ""),
    ],
)
def test_references_are_filled_in(text: str, filled: str) -> None:
    assert fill(text) == filled


def test_files_are_read_beside_the_file_that_names_them_without_their_last_line_break(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("line 1\nline 2\n")
    (tmp_path / "crlf").write_bytes(b"secret\r\n")
    assert fill("<${file:key.pem}>", tmp_path) == "<line 1\nline 2>"
    assert fill("${file:crlf}", tmp_path) == "secret"
    assert fill(f"${{file:{tmp_path}/key.pem}}") == "line 1\nline 2"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("${env:NONE}", "the environment variable NONE is not set"),
        ("${file:none.txt}", "the file none.txt does not exist"),
        ("${env:1X}", "a reference that cannot be read"),
        ("${env:}", "a reference that cannot be read"),
        ("${file:}", "a reference that cannot be read"),
        ("${HOST}", "a reference that cannot be read"),
        ("${vault:x}", "a reference that cannot be read"),
        ("${}", "a reference that cannot be read"),
        ("${file:a\0b}", "a reference that cannot be read"),
        ("${env:HOST", "a `${` that is never closed"),
    ],
)
def test_what_cannot_be_filled_in_is_refused(text: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(Unresolved) as caught:
        fill(text, tmp_path)
    assert caught.value.reason == reason
    assert caught.value.remedy


def test_files_that_are_no_secrets_are_refused(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "large").write_bytes(b"x" * (MAX_FILE_BYTES + 1))
    for name, reason in (("binary", "is not UTF-8 text"), ("large", "is larger than"), (".", "cannot be read")):
        with pytest.raises(Unresolved, match=reason):
            fill(f"${{file:{name}}}", tmp_path)


def test_only_what_comes_from_outside_the_file_counts_as_from_outside() -> None:
    interpolation = Interpolation(Path(), ENVIRONMENT)
    assert interpolation.fill("${env:HOST}").from_outside
    assert not interpolation.fill("${env:NONE:-here}").from_outside
    assert not interpolation.fill("$${env:HOST}").from_outside


def test_the_fingerprint_changes_with_what_is_filled_in_and_does_not_hold_it() -> None:
    prints = set()
    for password in ("hunter2", "hunter3"):
        interpolation = Interpolation(Path(), {"PASSWORD": password})
        interpolation.fill("${env:PASSWORD}")
        prints.add(interpolation.fingerprint)
        assert password not in interpolation.fingerprint
    assert len(prints) == 2


@given(st.text(alphabet="${}:-envfilx/ \n", max_size=40))
def test_a_text_is_filled_in_or_refused_and_nothing_crashes(text: str) -> None:
    with contextlib.suppress(Unresolved):
        fill(text)
