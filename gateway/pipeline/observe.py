"""Last stage: what happened, once for each request: one access line and the counters, whatever way it ended.

The line holds no path, query, address or subject: the route's template says where, the request id leads to the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from gateway.clock import Clock
from gateway.telemetry.metrics import Metrics, RouteCounters
from gateway.telemetry.traces import Trace

Ending = Literal["complete", "gone", "broken"]


class Observation:
    """Notes of one request, written by the stages as it passes them and read once at its end."""

    __slots__ = (
        "agency_seconds", "cache", "case", "code", "counters", "flagged", "method", "request_id", "shadowed", "source",
        "started_seconds", "status", "trace",
    )  # fmt: skip

    def __init__(self, request_id: str, method: bytes, started_seconds: float, trace: Trace) -> None:
        self.request_id = request_id
        self.method = method
        self.started_seconds = started_seconds
        self.trace = trace
        self.counters: RouteCounters | None = None
        self.status = 0
        self.cache = "none"
        self.agency_seconds = 0.0
        self.code: str | None = None
        self.source: str | None = None
        self.case: str | None = None
        self.flagged = False
        self.shadowed = False


class Observer:
    """Turns notes into counters and a line."""

    __slots__ = ("_clock", "_metrics", "_write")

    def __init__(self, clock: Clock, metrics: Metrics, write: Callable[[bytes], object]) -> None:
        self._clock = clock
        self._metrics = metrics
        self._write = write

    def counters(self, service: str, route: str) -> RouteCounters:
        """Return the counters of a route."""
        return self._metrics.route(service, route)

    def finish(self, seen: Observation, ending: Ending, sent_bytes: int) -> None:
        """Count and log one request. `ending` says whether the client got all of the answer."""
        total = self._clock.monotonic() - seen.started_seconds
        own = max(0.0, total - seen.agency_seconds)
        counters = seen.counters if seen.counters is not None else self._metrics.route("", "")
        counters.status[seen.status // 100 if ending != "gone" else 0] += 1
        counters.gateway.observe(own)
        if seen.agency_seconds:
            counters.upstream.observe(seen.agency_seconds)
        counters.cache[seen.cache] += 1
        counters.limited += seen.status == 429 and seen.code == "quota-exceeded"
        counters.shadowed += seen.shadowed
        counters.emergency_flagged += seen.flagged
        counters.agency_faults += ending != "gone" and _is_agencys_fault(seen)
        self._write(self._line(seen, counters, ending, sent_bytes, total, own))

    def _line(
        self, seen: Observation, counters: RouteCounters, ending: Ending, sent: int, total: float, own: float
    ) -> bytes:
        # Everything put in between quotes is ours (ids, templates, codes) but the method, which is a token
        # (RFC 9110 section 5.6.2) and so holds neither a quote nor a backslash.
        tail = b""
        if seen.code is not None:
            tail = f',"code":"{seen.code}","source":"{seen.source}","case":"{seen.case}"'.encode()
        if seen.flagged:
            tail += b',"flagged":true'
        return (
            b'{"event":"access","time":%.3f,"request_id":"%b","trace_id":"%b",%b,"method":"%b",'
            b'"status":%d,"ending":"%b","cache":"%b","bytes":%d,"total_us":%d,"gateway_us":%d,"agency_us":%d%b}\n'
            % (
                self._clock.wall(),
                seen.request_id.encode(),
                seen.trace.trace_id,
                counters.label,
                seen.method,
                seen.status,
                ending.encode(),
                seen.cache.encode(),
                sent,
                total * 1e6,
                own * 1e6,
                seen.agency_seconds * 1e6,
                tail,
            )
        )


def _is_agencys_fault(seen: Observation) -> bool:
    """Tell whether the answer failed by the agency: we said so, or its own 5xx went through as it came."""
    return seen.source == "agency" or (seen.status >= 500 and seen.source is None)
