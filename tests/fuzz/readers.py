"""What is fuzzed: bytes that our parsers, h11 and httptools read alike, or for a reason that has a row in a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from tests.wire.differential import Difference, differences_in_answer, differences_in_request, explanations
from tests.wire.hygiene import answer, chunked, request
from tests.wire.reading import read_answer, read_request
from tests.wire.test_refusals import CASES

Reader = Callable[[bytes], None]

_EXPLAINED: Final = explanations()
_UPLOAD: Final = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
_DOWNLOAD: Final = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class Unexplained(Exception):
    """A difference that no row of docs/parser-differences.md explains, or an answer that depends on the pieces."""


def read_as_request(raw: bytes) -> None:
    """Read a request, once with more to come and once without. Raises Unexplained."""
    for closed in (False, True):
        _explain(differences_in_request(raw, closed=closed))
    read_request(raw)  # whatever it is, it is read or refused: nothing else may be raised


def read_as_answer(raw: bytes) -> None:
    """Read an answer, to a GET and to a HEAD. Raises Unexplained."""
    for closed in (False, True):
        _explain(differences_in_answer(raw, closed=closed))
    read_answer(raw, b"HEAD", closed=True)


def read_as_chunks(raw: bytes) -> None:
    """Read a chunked body in both directions. Raises Unexplained."""
    read_as_request(_UPLOAD + raw)
    read_as_answer(_DOWNLOAD + raw)


READERS: Final[Mapping[str, Reader]] = {
    "requests": read_as_request,
    "answers": read_as_answer,
    "chunks": read_as_chunks,
}


def seeds(name: str) -> Iterator[bytes]:
    """Yield bytes to begin with: messages that are right, and those of the hygiene suite, each wrong in one place."""
    body = b"5\r\nhello\r\n1;a=b\r\n!\r\n0\r\nX-A: 1\r\n\r\n"
    right = {
        "requests": [request(), request(b"Content-Length: 2", body=b"ok"), chunked(body)],
        "answers": [answer(b"Content-Length: 2", body=b"ok"), answer(b"Transfer-Encoding: chunked", body=body)],
        "chunks": [body],
    }
    yield from right[name]
    for case in CASES:
        is_answer = case.raw[:5].upper() == b"HTTP/"
        head, separator, rest = case.raw.partition(b"\r\n\r\n")
        if name == "chunks":
            if b"chunked" in head and separator and rest:
                yield rest
        elif is_answer == (name == "answers"):
            yield case.raw


def _explain(found: list[Difference]) -> None:
    unexplained = [one for one in found if not _EXPLAINED.explain(one)]
    if unexplained:
        raise Unexplained("\n".join(map(str, unexplained)))
