"""One request as it enters the pipeline, and the answer as it leaves: plain values, no framework's types.

An edge makes a `Call` from bytes and turns a `Reply` into bytes. Whoever holds a Reply closes it, always.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.errors import GatewayError
from gateway.fields import EMPTY, Block, Fields
from gateway.identity.assertion import Minter
from gateway.identity.verifier import Verifier
from gateway.registry.snapshot import Snapshot
from gateway.rules.forwarding import Network
from gateway.rules.heads import RequestHead
from gateway.upstream.ports import Interim, RequestBody, ResponseBody, Tunnel


@dataclass(slots=True, eq=False)
class Call:
    """One request. `path` is canonical; `started_seconds` is monotonic; `body` is None when there is none.

    Nobody but its maker writes to it; freezing would cost a microsecond a request.
    """

    id: str
    method: bytes
    path: bytes
    query: bytes
    head: RequestHead
    body: RequestBody | None
    peer: str  # address of the socket's other end
    scheme: str
    host: bytes
    started_seconds: float
    fault: GatewayError | None = None  # what the edge found wrong; the pipeline answers it like any other
    # What only the direct lane can offer.
    interim: Interim | None = None  # passes 1xx answers of the agency on
    upgrade: bytes | None = None  # the protocol the client would switch to
    waits_for_continue: bool = False  # the client sends its body once it is asked to
    is_crowded: bool = False  # there are too many connections, and this is one of those that came last


@dataclass(slots=True, eq=False)
class Reply:
    """One answer: the body is whole in `content`, or streams from `body` (with `length` bytes when known).

    `passed` are the agency's fields that go on as they came, `fields` those the gateway says itself. With a `tunnel`
    (status 101) the edge joins the client's connection to the agency's.
    """

    status: int
    fields: Fields
    content: bytes | None = b""
    body: ResponseBody | None = None
    length: int | None = None
    passed: Block = EMPTY
    trailers: Fields = ()
    tunnel: Tunnel | None = None

    def all_fields(self) -> Fields:
        """Every field of the answer, the agency's first."""
        return (*self.passed.fields, *self.fields)

    async def aclose(self) -> None:
        """Give up what the body holds."""
        if self.body is not None:
            await self.body.aclose()


@dataclass(frozen=True, slots=True)
class Edition:
    """One accepted registry with what judges and speaks by it; pinned to a request until its last byte."""

    snapshot: Snapshot
    verifier: Verifier
    minter: Minter
    trusted_proxies: tuple[Network, ...]
    generation: int
