"""Everything that can go wrong for a caller, as one tree; a leaf is a cause.

    GatewayError
    ├ RequestFault        the client's: MalformedRequest, Misdirected, RouteNotFound, MethodNotAllowed, BodyTooLarge
    ├ IdentityFault       NotAuthenticated, TokenInvalid, TokenExpired, NotPermitted, KeysUnavailable (ours, 503)
    ├ QuotaExceeded       429 with Retry-After; TooManyInFlight likewise
    ├ UpstreamFault       the agency's: NoTarget, Unreachable, Saturated, TimedOut, BrokeProtocol, ReusedConnectionLost
    ├ NothingStored       504 of `only-if-cached` (RFC 9111 section 5.2.1.7)
    ├ StoreUnavailable    a limit that is declared `on_store_failure: closed`
    ├ Overloaded          we shed load
    └ InternalFault       what nobody foresaw

It carries facts only; `problem` alone turns an error into bytes. Configuration has a tree of its own (registry).
"""

from __future__ import annotations

from typing import ClassVar, Literal

from gateway.fields import Fields

Source = Literal["gateway", "agency", "client"]


class GatewayError(Exception):
    """A fault a caller is told of. `code` is stable and names the text in the catalogue (messages)."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    source: ClassVar[Source] = "gateway"

    def __init__(self, reason: str = "", *, retry_after_seconds: float | None = None, fields: Fields = ()) -> None:
        """`reason` is for logs, never for citizens; `fields` are added to the answer."""
        super().__init__(reason)
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds
        self.fields = fields


class RequestFault(GatewayError):
    status = 400
    code = "malformed-request"
    source: ClassVar[Source] = "client"


class MalformedRequest(RequestFault):
    """The request cannot be read in one single way (RFC 9110, RFC 9112). Some refusals have a status of their own."""

    def __init__(self, reason: str = "", *, status: int = 400) -> None:
        super().__init__(reason)
        self.status = status  # type: ignore[misc]  # 413, 414, 417, 431, 501 and 505 share this one cause


class RouteNotFound(RequestFault):
    status = 404
    code = "route-not-found"


class Misdirected(RequestFault):
    """The request names a host that is not ours (RFC 9110 section 15.5.20)."""

    status = 421
    code = "misdirected"


class MethodNotAllowed(RequestFault):
    status = 405
    code = "method-not-allowed"


class BodyTooLarge(RequestFault):
    status = 413
    code = "body-too-large"


class ClientTimedOut(RequestFault):
    status = 408
    code = "client-timed-out"


class ClientGone(RequestFault):
    """The client left before its request was whole; nobody reads the answer, the log does."""

    status = 499
    code = "client-timed-out"


class IdentityFault(GatewayError):
    status = 401
    code = "not-authenticated"
    source: ClassVar[Source] = "client"


class NotAuthenticated(IdentityFault):
    """The route asks for a sign-in and none came."""


class TokenInvalid(IdentityFault):
    code = "token-invalid"


class TokenExpired(IdentityFault):
    code = "token-expired"


class SessionEnded(IdentityFault):
    """The token was good, but its session has been revoked."""

    code = "session-ended"


class NotPermitted(IdentityFault):
    """Signed in, but scope, role or assurance level does not reach."""

    status = 403
    code = "not-permitted"


class KeysUnavailable(IdentityFault):
    """No key of the issuer was ever fetched, so nobody can be judged; nobody is signed out by our own fault."""

    status = 503
    code = "keys-unavailable"
    source: ClassVar[Source] = "gateway"


class QuotaExceeded(GatewayError):
    status = 429
    code = "quota-exceeded"
    source: ClassVar[Source] = "client"


class TooManyInFlight(GatewayError):
    """The caller has as many requests under way as it may; see rules.concurrency."""

    status = 429
    code = "too-many-in-flight"
    source: ClassVar[Source] = "client"


class StoreUnavailable(GatewayError):
    status = 503
    code = "store-unavailable"


class Overloaded(GatewayError):
    status = 503
    code = "overloaded"


class NothingStored(GatewayError):
    status = 504
    code = "nothing-stored"
    source: ClassVar[Source] = "client"


class UpstreamFault(GatewayError):
    status = 502
    code = "agency-broken"
    source: ClassVar[Source] = "agency"


class NoTarget(UpstreamFault):
    """Every target of the service is known to be down."""

    status = 503
    code = "agency-unavailable"


class Unreachable(UpstreamFault):
    """No connection could be opened: the agency cannot have acted on the request."""

    status = 503
    code = "agency-unavailable"


class Saturated(Unreachable):
    """Every connection we may hold to this agency is in use; it says nothing about the target's health."""


class TimedOut(UpstreamFault):
    status = 504
    code = "agency-timed-out"


class BrokeProtocol(UpstreamFault):
    """The agency closed early or spoke something that is not HTTP."""


class ReusedConnectionLost(BrokeProtocol):
    """A kept-alive connection ended before one byte of the answer: the agency may have closed it as we sent."""


class InternalFault(GatewayError):
    """What nobody foresaw; logged whole, told short."""
