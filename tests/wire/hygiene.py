"""What a hygiene case is: bytes with one fault, the section of the standard that makes it one, and our refusal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from _pytest.mark import ParameterSet

from gateway.wire.malformed import Refusal


@dataclass(frozen=True, slots=True)
class Case:
    """`fault` reads as a sentence; `section` is where the standard says so (its number alone: RFC 9112)."""

    fault: str
    section: str
    raw: bytes
    refusal: Refusal
    method: bytes = b"GET"  # of the request, for answers


def table(cases: Sequence[Case]) -> list[ParameterSet]:
    """Return the cases as parameters; two with the same bytes would count one fault twice."""
    assert len({(case.raw, case.method) for case in cases}) == len(cases)
    assert all(case.section.startswith(("91", "RFC")) for case in cases)
    return [pytest.param(case, id=f"{case.fault} [{case.section}]") for case in cases]


def request(*lines: bytes, first: bytes = b"GET /v1/x HTTP/1.1", host: bool = True, body: bytes = b"") -> bytes:
    """Write a request with these field lines, right in everything that is not said."""
    fields = [b"Host: city.example", *lines] if host else [*lines]
    return b"\r\n".join([first, *fields, b"", b""]) + body


def chunked(body: bytes, *lines: bytes) -> bytes:
    """Write a chunked request with this body, framing included."""
    return request(b"Transfer-Encoding: chunked", *lines, first=b"POST /v1/x HTTP/1.1", body=body)


def answer(*lines: bytes, first: bytes = b"HTTP/1.1 200 OK", body: bytes = b"") -> bytes:
    """Write an answer with these field lines."""
    return b"\r\n".join([first, *lines, b"", b""]) + body
