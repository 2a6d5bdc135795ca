"""What the gateway does with a field by its name alone: the tables behind `heads`, asked line by line in the fast lane.

Requests: a field passes to the agency unless it is listed here, for an agency must be able to believe whatever says
who is calling, from where, and through whom; only the gateway says that. Names made of anything but letters, digits and
hyphens never pass: `x_user_id` and `x.user.id` become the same variable as `X-User-Id` in many agencies' servers
(RFC 3875 section 4.1.18). Answers: a field passes to the client unless it is the gateway's own to say, concerns one
connection only, or tells strangers what software an agency runs.

Names are bytes, lower-case. Values are not looked at here.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Final


class FieldKind(Enum):
    """What becomes of a field. Only PASS goes further; CREDENTIAL does where a route says so."""

    PASS = auto()
    DROP = auto()
    CREDENTIAL = auto()  # authorization: read by the gateway, not shown to agencies
    HOST = auto()
    FRAMING = auto()  # content-length, transfer-encoding: every message is framed anew
    CONNECTION = auto()  # concerns this connection only (RFC 9110 section 7.6.1), or is an expectation of it
    VOLATILE = auto()  # differs in every request, and is read but not passed: traceparent and the like


_PLAIN_NAME: Final = re.compile(rb"[a-z0-9-]+")

_CONNECTION: Final = (
    b"connection expect http2-settings keep-alive proxy-authenticate proxy-authentication-info proxy-authorization "
    b"proxy-connection te trailer upgrade"
).split()

# Known names, so that usual requests never reach the prefixes below.
_REQUEST_PASSES: Final = (
    b"accept accept-charset accept-encoding accept-language cache-control content-disposition content-encoding "
    b"content-language content-type date dnt idempotency-key if-match if-modified-since if-none-match if-range "
    b"if-unmodified-since origin pragma prefer priority range referer save-data sec-ch-ua sec-ch-ua-mobile "
    b"sec-ch-ua-platform sec-fetch-dest sec-fetch-mode sec-fetch-site sec-fetch-user sec-websocket-extensions "
    b"sec-websocket-key sec-websocket-protocol sec-websocket-version upgrade-insecure-requests user-agent "
    b"x-app-version x-device-id x-requested-with x-ticket-secret"
).split()

# `cookie` is dropped because sign-in is by bearer token only: an agency has no session that a cookie could name, and
# one that it believed would bypass the gateway's judgement. `proxy` becomes HTTP_PROXY in a CGI environment.
_REQUEST_DROPS: Final = (
    b"b3 baggage base-url citizen citizen-id client-cert client-cert-chain cookie cookie2 disguised-host dpop "
    b"front-end-https groups host-override http-url nik proxy request-id request-uri role roles "
    b"surrogate-capability user user-id userid username via x-acr x-backend-host x-clientip x-correlation-id "
    b"x-custom-ip-authorization x-email x-endpoint-api-userinfo x-from-ip x-host x-ip x-is-admin x-ktp x-login "
    b"x-method x-on-behalf-of x-phone x-port x-prefix x-proto x-protocol x-realip x-scheme x-script-name x-sub "
    b"x-sudo x-token x-trace-id x-uid x-url-scheme x-username"
).split()

# Families of names. A prefix is cut so that what an app may rightly send of itself stays outside (x-app-version,
# x-client-version, x-device-id).
_REQUEST_DROPPED_PREFIXES: Final = tuple(
    # who is calling
    b"auth- oidc- remote- saml- shib- sso- x-account- x-admin x-assert x-assurance x-auth x-bearer x-citizen x-claim "
    b"x-consumer x-credential x-group x-identity x-id-token x-access-token x-refresh-token x-jwt x-nik x-oauth x-oidc "
    b"x-organization x-permission x-person x-principal x-remote- x-role x-saml x-scope x-sso x-subject x-tenant "
    b"x-userid x-userinfo x-webauth "
    # the connection's certificate
    b"ssl- tls- x-client-cert x-client-dn x-client-s-dn x-client-i-dn x-client-serial x-client-ssl x-client-subject "
    b"x-client-tls x-client-verify x-mtls x-ssl x-tls "
    # from where and through whom
    b"forward http-client- http-x- proxy- wl-proxy- x-anonymous- x-client-addr x-client-geo x-client-host "
    b"x-client-port x-cluster- x-coming-from x-forward x-originating- x-proxy x-real- x-trusted- z-forward "
    # what is asked for, instead of the request line
    b"x-host- x-http- x-method- x-middleware- x-original- x-override- x-rewrite- x-sendfile x-accel- "
    # the gateway's and the exchange layers' own
    b"x-gateway- x-road- x-tangerang- "
    # platforms and proxies in front, whose word their agencies' frameworks believe
    b"akamai- ali- cdn- cf- cloudfront- fastly- fly- incap- l5d- tencent- traefik- uber x-akamai- x-amz- x-amzn- "
    b"x-apisix- x-appengine- x-appservice- x-arr- x-azure- x-b3- x-bluecoat- x-cdn- x-cf- x-cloud- x-datadog- x-edge- "
    b"x-envoy- x-fastly- x-fd- x-gfe- x-goog- x-google- x-heroku- x-ingress- x-istio- x-kong- x-krakend- x-linkerd- "
    b"x-mashape- x-ms- x-newrelic- x-nf- x-nginx- x-ot- x-site-deployment x-traefik- x-tyk- x-varnish- x-vercel- "
    b"x-waws- x-zscaler-".split()
)

# x-user, x-user-id and so on, but not x-user-agent; and whatever else ends in a client's address.
_REQUEST_DROPPED_PATTERN: Final = re.compile(
    rb"x-user(?:-(?!agent\Z).*)?|"
    rb"(?:.*-)?(?:client|connecting|peer|origin|real|remote|source|true|user)-?(?:ip|ipv6|addr|address)"
)

# End-to-end by definition: an option of `Connection` that names one of them is a mistake or an attack, for what it says
# is meant for whoever comes after us too (RFC 9110 section 7.6.1), and is not followed.
_ANSWER_PASSES: Final = (
    b"accept-patch accept-ranges age allow cache-control cdn-cache-control clear-site-data content-digest "
    b"content-disposition content-encoding content-language content-location content-range content-security-policy "
    b"content-security-policy-report-only content-type cross-origin-embedder-policy cross-origin-opener-policy "
    b"cross-origin-resource-policy date deprecation etag expires last-modified link location permissions-policy pragma "
    b"preference-applied public-key-pins referrer-policy repr-digest retry-after sec-websocket-accept "
    b"sec-websocket-extensions sec-websocket-protocol sec-websocket-version set-cookie set-cookie2 "
    b"strict-transport-security sunset vary warning www-authenticate x-content-type-options x-frame-options "
    b"x-robots-tag"
).split()

_ANSWER_DROPS: Final = (
    b"alt-svc authentication-info authorization b3 baggage cache-status cookie expect-ct forwarded host "
    b"public-key-pins-report-only ratelimit server server-timing surrogate-control surrogate-key traceparent "
    b"traceresponse tracestate via x-cache x-cache-hits x-generator x-powered-by x-powered-cms x-request-id "
    b"x-runtime x-served-by x-version"
).split()

_ANSWER_DROPPED_PREFIXES: Final = tuple(
    # what the registry says, or the gateway itself
    b"access-control- ratelimit- x-ratelimit x-rate-limit x-gateway- x-request-id- "
    # what the request carried, echoed
    b"x-auth x-forward x-original- x-real- "
    # software and platforms behind
    b"proxy- x-accel- x-amz- x-amzn- x-aspnet x-b3- x-debug- x-drupal- x-envoy- x-goog- x-kong- x-litespeed- "
    b"x-sendfile x-varnish".split()
)


def _table(passes: list[bytes], drops: list[bytes]) -> dict[bytes, FieldKind]:
    return (
        dict.fromkeys(passes, FieldKind.PASS)
        | dict.fromkeys(drops, FieldKind.DROP)
        | dict.fromkeys(_CONNECTION, FieldKind.CONNECTION)
        | dict.fromkeys((b"content-length", b"transfer-encoding"), FieldKind.FRAMING)
    )


_REQUEST: Final = _table(_REQUEST_PASSES, _REQUEST_DROPS) | {
    b"authorization": FieldKind.CREDENTIAL,
    b"host": FieldKind.HOST,
    b"traceparent": FieldKind.VOLATILE,
    b"tracestate": FieldKind.VOLATILE,
    b"x-request-id": FieldKind.VOLATILE,
}
_ANSWER: Final = _table(_ANSWER_PASSES, _ANSWER_DROPS)


def request_field_kind(name: bytes) -> FieldKind:
    """Tell what becomes of a client's field on its way to an agency."""
    kind = _REQUEST.get(name)
    if kind is not None:
        return kind
    if _PLAIN_NAME.fullmatch(name) is None or name.startswith(_REQUEST_DROPPED_PREFIXES):
        return FieldKind.DROP
    return FieldKind.PASS if _REQUEST_DROPPED_PATTERN.fullmatch(name) is None else FieldKind.DROP


def answer_field_kind(name: bytes) -> FieldKind:
    """Tell what becomes of an agency's field on its way to the client."""
    kind = _ANSWER.get(name)
    if kind is not None:
        return kind
    if _PLAIN_NAME.fullmatch(name) is None or name.startswith(_ANSWER_DROPPED_PREFIXES):
        return FieldKind.DROP
    return FieldKind.PASS


def is_end_to_end(name: bytes) -> bool:
    """Tell whether an answer's field goes to the client whatever the agency's `Connection` field says."""
    return _ANSWER.get(name) is FieldKind.PASS
