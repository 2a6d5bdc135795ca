"""Makes of a request what the pipeline gets, on the direct lane."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from gateway.edge.incoming import Flow, IncomingBody
from gateway.edge.known import Known
from gateway.edge.lane import Lane
from gateway.errors import GatewayError
from gateway.pipeline.call import Call
from gateway.rules.heads import read_request_head
from gateway.wire.body import open_body
from gateway.wire.grammar import BodyLimits
from gateway.wire.request import Head, RequestLine

# The bound of a route is kept by the pipeline, which knows the route; here only what no route could allow is refused.
_BODY_LIMITS: Final = BodyLimits(max_body_bytes=10**12)
_UNREAD: Final = b"-"  # stands for a method in the log where none could be read
_NO_HEAD: Final = read_request_head(())


class Client(NamedTuple):
    """Who is connected."""

    address: str
    scheme: str
    is_crowded: bool  # came when there were too many


def open_body_of(wire: Head, flow: Flow, *, on_first_read: Callable[[], None] | None) -> IncomingBody:
    """Return the body that follows a head. Raises Malformed when it is announced larger than any may be."""
    reader = open_body(wire.framing, _BODY_LIMITS)
    return IncomingBody(reader, wire.framing, flow, nominated=wire.options.nominated, on_first_read=on_first_read)


def read_call(lane: Lane, client: Client, line: RequestLine, known: Known, host: bytes, started: float) -> Call:
    """Return the call of a request whose head was read; its body is the caller's to add."""
    head = known.head
    offers = known.wire.offers(line.version)
    return Call(
        id=head.request_id.decode() if head.request_id is not None else lane.ids.new(),
        method=line.method,
        path=line.path,
        query=line.query,
        head=head,
        body=None,
        peer=client.address,
        scheme=client.scheme,
        host=host,
        started_seconds=started,
        upgrade=offers[0] if offers else None,
        is_crowded=client.is_crowded,
    )


def refused_call(lane: Lane, fault: GatewayError, client: Client) -> Call:
    """Return the call that has the pipeline answer what could not be read."""
    return Call(
        id=lane.ids.new(),
        method=_UNREAD,
        path=b"/",
        query=b"",
        head=_NO_HEAD,
        body=None,
        peer=client.address,
        scheme=client.scheme,
        host=b"",
        started_seconds=lane.clock.monotonic(),
        fault=fault,
    )
