"""Texts with a grammar of their own: names, addresses, URLs, paths. Each says why it refuses, and what to write."""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Callable
from typing import Annotated, Final, TypeAlias
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator

from gateway.errors import MalformedRequest
from gateway.paths import canonical_path, check_query
from gateway.registry.schema.block import SecretText
from gateway.registry.store_address import parse_store_url
from gateway.registry.units import refused
from gateway.rules.matching import TemplateError, parse_template

_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,62}")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2
_METHOD: Final = re.compile(r"[A-Z]+(?:-[A-Z]+)*")
_SCOPE: Final = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")  # RFC 6749 section 3.3
_BY: Final = re.compile(r"citizen|address|service|route|claim:[A-Za-z0-9_.:/-]+|header:[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_RESERVED: Final = frozenset({"services", "home"})


def _matching(pattern: re.Pattern[str], reason: str, remedy: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise refused(reason, remedy)
        return text

    return check


def _service_name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise refused(
            "a service's name stands in paths and tokens", "write small letters, digits and `-`, such as permits"
        )
    if text in _RESERVED:
        raise refused(f"/v1/{text} is the gateway's own", "choose another name")
    return text


def host_port(text: str) -> tuple[str, int]:
    """Split `host:port`; an IPv6 host stands in brackets. Raises ValueError."""
    host, colon, port = text.rpartition(":")
    if not colon or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65_535:
        raise ValueError(text)
    if host.startswith("[") and host.endswith("]"):
        return str(ipaddress.IPv6Address(host[1:-1])), int(port)
    if not host or ":" in host or not re.fullmatch(r"[0-9A-Za-z._-]+", host):
        raise ValueError(text)
    return host, int(port)


def _host_port(text: str) -> str:
    try:
        host_port(text)
    except ValueError:
        raise refused("not a host and port", "write 127.0.0.1:8080, or [::1]:8080 for IPv6") from None
    return text


def _host_name(text: str) -> str:
    if not re.fullmatch(r"[0-9A-Za-z_-]+(?:\.[0-9A-Za-z_-]+)*|\[[0-9A-Fa-f:.]+\]", text):
        raise refused("not a host", "write a name or an address without port, such as api.example.id or [::1]")
    return text.lower()


def _tls_name(text: str) -> str:
    """A name stands in SNI, an address only in the certificate (RFC 6066 section 3): both are written bare."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        if len(text) > 253 or not re.fullmatch(r"[0-9A-Za-z-]{1,63}(?:\.[0-9A-Za-z-]{1,63})*", text):
            remedy = "write a name or an address without port and brackets, such as permits.example.id or fd00::1"
            raise refused("not the name of a server", remedy) from None
    return text.lower()


def _pin(text: str) -> str:
    try:
        digest = base64.b64decode(text, validate=True)
    except ValueError:
        digest = b""
    if len(digest) != 32 or base64.b64encode(digest).decode() != text:
        remedy = (
            "write the 44 characters of `openssl x509 -noout -pubkey -in server.pem | "
            "openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64`"
        )
        raise refused("not the SHA-256 of a public key in base64", remedy)
    return text


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        remedy = "write 10.0.0.0/8, 127.0.0.1 or fd00::/8, without bits after the prefix"
        raise refused(
            f"not a network: {'host bits are set' if 'host bits' in str(error) else 'unreadable'}", remedy
        ) from None
    return text


def split_url(text: str) -> SplitResult:
    """Split an http or https URL without user, query and fragment. Raises ValueError."""
    parts = urlsplit(text)
    plain = not (parts.username or parts.password or parts.query or parts.fragment or "?" in text or "#" in text)
    if parts.scheme not in ("http", "https") or not parts.hostname or not plain or not text.isascii():
        raise ValueError(text)
    if re.search(r"[\x00-\x20\x7f{}\\]", text) or parts.port == 0:
        raise ValueError(text)
    return parts


def _http_url(text: str) -> str:
    try:
        split_url(text)
    except ValueError:
        raise refused(
            "not an http or https URL", "write http://host:port/path, without user, query and fragment"
        ) from None
    return text


def _target(text: str) -> str:
    if text.startswith("unix:"):
        if len(text) == len("unix:") or text.startswith("unix://"):
            raise refused("a Unix socket without its path", "write unix:/run/permits.sock")
        return text
    try:
        path = canonical_path((split_url(text).path or "/").encode())
    except (ValueError, MalformedRequest):
        remedy = "write http://127.0.0.1:8102, https://host or unix:/run/service.sock"
        raise refused("not an address of a service", remedy) from None
    if path != (split_url(text).path or "/").encode():
        raise refused("the path of this address is not canonical", f"write it as {path.decode()}", echoes=True)
    return text


def _web_origin(text: str) -> str:
    if text == "*":
        return text
    try:
        parts = split_url(text)
    except ValueError:
        parts = None
    if parts is None or parts.path or text != text.lower():
        remedy = (
            "write https://host or https://host:port in small letters, without a path or a slash at the end, or '*'"
        )
        raise refused("not a web origin", remedy)
    return text


def _store_url(text: str) -> str:
    try:
        parse_store_url(text)
    except ValueError as error:
        reason, _, remedy = str(error).partition("; ")
        raise refused(reason, remedy) from None
    return text


def _template(text: str) -> str:
    try:
        parse_template(text)
    except TemplateError as error:
        raise refused(error.reason, error.remedy, echoes=True) from None
    return text


def _service_path(text: str) -> str:
    try:
        canonical = canonical_path(text.encode())
    except MalformedRequest as fault:
        raise refused(str(fault.reason), "write a path such as /healthz") from None
    if canonical != text.encode():
        raise refused("the path is not canonical", f"write {canonical.decode()}", echoes=True)
    return text


def _path_with_query(text: str) -> str:
    path, _, query = text.partition("?")
    try:
        check_query(query.encode())
    except MalformedRequest as fault:
        raise refused(str(fault.reason), "percent-encode it") from None
    _service_path(path)
    return text


ServiceName: TypeAlias = Annotated[str, AfterValidator(_service_name)]
PartName: TypeAlias = Annotated[
    str, AfterValidator(_matching(re.compile(r"[a-z][a-z0-9_]*"), "not a name of a JSON member", "write small_letters"))
]
HostName: TypeAlias = Annotated[str, AfterValidator(_host_name)]
HostPort: TypeAlias = Annotated[str, AfterValidator(_host_port)]
TlsName: TypeAlias = Annotated[str, AfterValidator(_tls_name)]
Pin: TypeAlias = Annotated[str, AfterValidator(_pin)]
Network: TypeAlias = Annotated[str, AfterValidator(_network)]
HttpUrl: TypeAlias = Annotated[str, AfterValidator(_http_url)]
TargetUrl: TypeAlias = Annotated[str, AfterValidator(_target)]
WebOrigin: TypeAlias = Annotated[str, AfterValidator(_web_origin)]
StoreUrl: TypeAlias = Annotated[str, AfterValidator(_store_url), SecretText()]
PathTemplate: TypeAlias = Annotated[str, AfterValidator(_template)]
ServicePath: TypeAlias = Annotated[str, AfterValidator(_service_path)]
PathWithQuery: TypeAlias = Annotated[str, AfterValidator(_path_with_query)]
Method: TypeAlias = Annotated[
    str,
    AfterValidator(
        _matching(
            re.compile(rf"\*|{_METHOD.pattern}"),
            "not a method",
            "write GET, POST, … in capitals, or '*' for every method",
        )
    ),
]
HeaderName: TypeAlias = Annotated[
    str, AfterValidator(_matching(_TOKEN, "not the name of a header field", "write a name such as Accept-Language"))
]
QueryName: TypeAlias = Annotated[
    str,
    AfterValidator(
        _matching(
            re.compile(r"[A-Za-z0-9._~*\[\]-]+"), "not the name of a query parameter", "write the plain name, or '*'"
        )
    ),
]
_GATEWAY_CLAIMS: Final = frozenset({"iss", "aud", "sub", "iat", "nbf", "exp", "jti", "sid"})


def _granted_claim(text: str) -> str:
    if text in _GATEWAY_CLAIMS:
        raise refused("the gateway sets this claim itself", "remove it; agencies know a citizen by the pairwise `sub`")
    return text


ClaimName: TypeAlias = Annotated[str, AfterValidator(_granted_claim)]
Scope: TypeAlias = Annotated[
    str, AfterValidator(_matching(_SCOPE, "not a scope (RFC 6749)", "write it without spaces and quotes"))
]
CountedBy: TypeAlias = Annotated[
    str,
    AfterValidator(
        _matching(_BY, "nothing to count by", "write citizen, address, service, route, claim:<name> or header:<name>")
    ),
]
