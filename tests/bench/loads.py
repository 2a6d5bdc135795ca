"""The loads: what is asked, by how many, and how long an answer each of them counts as."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.bench.tokens import Tokens

FRESH: Final = "FFFFFFFFFFFFFFFF"  # the load puts a number of as many digits in its place
_TRACEPARENT: Final = f"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-{FRESH}-01"
_UPGRADE: Final = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
_MEGABYTE: Final = 1_048_576


@dataclass(frozen=True, slots=True)
class Workload:
    """One kind of load. `aim` is the most that a request may cost, as a multiple of a bare nginx."""

    name: str
    requests: tuple[str, ...]
    connections: int = 32
    fresh: str = ""
    tls: bool = False
    websocket: bool = False
    aim: float | None = None


def request(
    token: str | None = None,
    *,
    method: str = "GET",
    path: str = "/v1/permits/x",
    extra: Sequence[str] = (),
    body: str = "",
) -> str:
    """Return a request as a phone sends it, with a head of about 980 bytes when it carries a token."""
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: api.tangerangkota.go.id",
        "User-Agent: TangerangLIVE/5.2.1 (Android 12; SM-A135F) okhttp/4.12.0",
        "Accept: application/json",
        "Accept-Language: id-ID,id;q=0.9,en;q=0.5",
        "X-App-Version: 5.2.1",
        "X-Device-Id: 4f7c1f0e-6a4c-4d3e-9c7e-3b1d2a5f8e90",
        *([f"Authorization: Bearer {token}"] if token is not None else []),
        *extra,
        *(["Content-Type: application/json", f"Content-Length: {len(body)}"] if body else []),
    ]
    return "\r\n".join([*lines, "", body])


def proxy_loads(tokens: Tokens, *, quick: bool) -> list[Workload]:
    """Return the loads of the suite `proxy`; a quick run has the small requests only."""
    token = tokens.make(0)
    small = [
        Workload("same head", (request(token),), aim=1.4),
        Workload("64 tokens in turn", tuple(request(tokens.make(number)) for number in range(64)), aim=1.4),
        Workload("fresh traceparent", (request(token, extra=[_TRACEPARENT]),), fresh=FRESH, aim=1.5),
        Workload("4 connections", (request(token),), connections=4, aim=1.4),
    ]
    if quick:
        return small
    upload = request(token, method="POST", body="z" * _MEGABYTE)
    return [
        *small,
        Workload("POST 1 KB", (request(token, method="POST", body="z" * 1_024),)),
        Workload("1 MB download", (request(token, path="/v1/permits/large"),), connections=8),
        Workload("1 MB upload", (upload,), connections=8),
        Workload("WebSocket echo, 1 KB", (request(token, path="/v1/permits/echo", extra=_UPGRADE),), websocket=True),
        Workload("TLS, same head", (request(token),), tls=True),
    ]


def cache_loads() -> list[Workload]:
    """Return the loads of the suite `cache`: public pages, without a sign-in, as everybody reads them."""
    one = request(path="/v1/permits/public/0")
    many = tuple(request(path=f"/v1/permits/public/{number}") for number in range(64))
    return [Workload("hit, one page", (one,)), Workload("hit, 64 pages in turn", many)]


def new_pages() -> Workload:
    """Return the load in which every page is asked for once: the agency answers, and the answer is stored."""
    return Workload("miss, stored", (request(path=f"/v1/permits/public/{FRESH}"),), fresh=FRESH)
