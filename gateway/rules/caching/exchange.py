"""The messages the caching rules judge: a request, the head of the agency's answer, and an answer made from the cache.

Everything is said in the agency's own URL space: the public prefix is already stripped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from gateway.fields import Fields
from gateway.rules.caching.policy import CachePolicy


@dataclass(frozen=True, slots=True)
class CacheRequest:
    """One request. `path` and `query` are those of its primary key, which is also what the agency receives.

    `fields` are the end-to-end fields the agency would receive, the client's own conditions and ranges among them, but
    without what the gateway adds anew to every request (assertion, request id, trace).
    `authorized` tells that the agency learns who asks: an assertion, or an `Authorization` that is passed through.
    `accept_encoding` is the client's own, whether or not the agency receives it: the gateway compresses too.
    """

    method: bytes
    path: bytes
    query: bytes
    fields: Fields
    authorized: bool = False
    accept_encoding: bytes | None = None


@dataclass(frozen=True, slots=True)
class OriginHead:
    """Status line and fields of a final answer of the agency (1xx are forwarded and never come here)."""

    status: int
    reason: bytes
    fields: Fields


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request with the head of its answer. `request_time` and `response_time` are wall-clock seconds."""

    request: CacheRequest
    head: OriginHead
    policy: CachePolicy
    request_time: float
    response_time: float

    @property
    def shared(self) -> bool:
        """Whether the answer could go to more than one person."""
        return self.policy.scope == "shared"


class Answer(NamedTuple):
    """A whole answer for the client, made from a stored one; `body` is empty for HEAD, 204 and 304.

    A named tuple, as one is made for every hit: a frozen dataclass takes three times as long to build.
    """

    status: int
    reason: bytes
    fields: Fields
    body: bytes
    trailers: Fields = ()
