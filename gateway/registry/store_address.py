"""Reads the store's URL. What is wrong with one is told with its remedy, and never with its password.

    memory://
    redis://[user:password@]host[:port][/database]            rediss:// the same over TLS
    redis+sentinel://[user:password@]host:port,…/service[/database]   rediss+sentinel:// over TLS, sentinels too
    redis+cluster://[user:password@]host:port,…               rediss+cluster:// over TLS

Options, after `?`: `ssl_ca_certs`, `ssl_certfile`, `ssl_keyfile` (files), `ssl_check_hostname` (yes/no) and
`ssl_cert_reqs` (required/none) with TLS; `sentinel_username` and `sentinel_password` with Sentinel. Paths of files are
relative to the file the URL stands in.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from typing import Literal, TypeAlias
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

Kind = Literal["memory", "single", "sentinel", "cluster"]
Node: TypeAlias = tuple[str, int]

_KINDS: dict[str, tuple[Kind, bool]] = {
    "memory": ("memory", False),
    "redis": ("single", False),
    "rediss": ("single", True),
    "redis+sentinel": ("sentinel", False),
    "rediss+sentinel": ("sentinel", True),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
}
_TLS_OPTIONS = {"ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname", "ssl_cert_reqs"}
_SENTINEL_OPTIONS = {"sentinel_username", "sentinel_password"}
_BOOLEANS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class Tls:
    """How the server proves itself, and we to it. None: the system's authorities, and no proof of ours."""

    ca_certs: str | None = None
    certfile: str | None = None
    keyfile: str | None = None
    check_hostname: bool = True
    verify: bool = True


@dataclass(frozen=True, slots=True)
class Credentials:
    """An ACL user; without a name it is the default one. Empty when there is nothing to say."""

    username: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """Where the store is and how to be let in. `nodes` are the sentinels, or where a cluster is first asked."""

    kind: Kind
    nodes: tuple[Node, ...] = ()
    credentials: Credentials = Credentials()
    database: int = 0
    service: str = ""
    sentinel: Credentials = Credentials()
    tls: Tls | None = None


def parse_store_url(url: str, *, directory: str = "") -> StoreAddress:
    """Read a store URL whose paths begin at `directory`; ValueError says what is wrong, and the remedy."""
    parts = _split(url)
    if parts.scheme not in _KINDS:
        known = ", ".join(f"{scheme}://" for scheme in _KINDS)
        raise ValueError(f"the store URL begins with {parts.scheme!r}; it must begin with one of {known}")
    if parts.fragment or "@" in parts.path + parts.query:
        raise ValueError("the store URL cannot be read; write / ? # and @ in a password as %2F %3F %23 and %40")
    kind, is_tls = _KINDS[parts.scheme]
    if kind == "memory":
        if parts.netloc or parts.path.strip("/") or parts.query:
            raise ValueError("memory:// takes no host, path or options; write exactly memory://")
        return StoreAddress("memory")
    options = _options(parts, kind, is_tls=is_tls)
    credentials, _, hosts = parts.netloc.rpartition("@")
    service, database = _path(parts, kind)
    return StoreAddress(
        kind,
        _nodes(hosts, kind, parts.scheme),
        _credentials(credentials),
        database,
        service,
        Credentials(options.get("sentinel_username"), options.get("sentinel_password")),
        _tls(options, directory) if is_tls else None,
    )


def _split(url: str) -> SplitResult:
    """Split as RFC 3986 section 3 has it, but for several hosts, of which newer Pythons let none be an IPv6 address."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return SplitResult("", "", "", "", "")  # no part of it is told: it may be a secret put in the wrong place
    end = min((at for mark in "/?#" if (at := rest.find(mark)) >= 0), default=len(rest))
    return urlsplit(f"{scheme}://hosts{rest[end:]}")._replace(netloc=rest[:end])


def _nodes(hosts: str, kind: Kind, scheme: str) -> tuple[Node, ...]:
    default_port = 26379 if kind == "sentinel" else 6379
    nodes = []
    for text in hosts.split(","):
        host, port = _split_port(text)
        if not host:
            raise ValueError(f"the store URL names no host; write {scheme}://host:port")
        if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
            # Not repeated: where the host was forgotten this is the password.
            raise ValueError(f"the store's port is no number from 1 to 65535; write {scheme}://host:port")
        nodes.append((host, int(port or default_port)))
    if kind == "single" and len(nodes) > 1:
        raise ValueError(
            f"the store URL names several hosts; for several write {scheme}+sentinel:// or {scheme}+cluster://"
        )
    return tuple(nodes)


def _split_port(text: str) -> tuple[str, str]:
    if text.startswith("["):  # an IPv6 address
        host, closing, rest = text[1:].partition("]")
        try:
            IPv6Address(host)
        except ValueError:
            closing = ""
        if not closing or rest[:1] not in ("", ":"):
            raise ValueError("the store URL cannot be read; write an IPv6 address as [::1]:6379 and check its brackets")
        return host, rest.removeprefix(":")
    host, _, port = text.partition(":")
    return host, port


def _credentials(text: str) -> Credentials:
    if not text:
        return Credentials()
    username, colon, password = text.partition(":")
    if not colon:
        raise ValueError("the store URL has a user but no password; write user:password@host (or :password@host)")
    return Credentials(unquote(username) or None, unquote(password) or None)


def _path(parts: SplitResult, kind: Kind) -> tuple[str, int]:
    """Return the sentinel service and the database."""
    pieces = [unquote(piece) for piece in parts.path.split("/") if piece]
    service = ""
    if kind == "sentinel":
        if not pieces:
            raise ValueError(f"{parts.scheme}:// needs the service the sentinels watch; end the URL with /mymaster")
        service = pieces.pop(0)
    if kind == "cluster" and pieces:
        raise ValueError("a Redis Cluster has no numbered databases; end the URL after the hosts")
    if len(pieces) > 1 or any(not (piece.isascii() and piece.isdigit()) for piece in pieces):
        raise ValueError(f"the store's database {'/'.join(pieces)!r} is no number; write /0 or leave it out")
    return service, int(pieces[0]) if pieces else 0


def _options(parts: SplitResult, kind: Kind, *, is_tls: bool) -> dict[str, str]:
    allowed = (_TLS_OPTIONS if is_tls else set()) | (_SENTINEL_OPTIONS if kind == "sentinel" else set())
    options: dict[str, str] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name in options:
            raise ValueError(f"the store URL says {name} twice; leave one")
        if name in _TLS_OPTIONS and not is_tls:
            raise ValueError(f"{name} needs TLS; begin the store URL with {parts.scheme.replace('redis', 'rediss')}://")
        if name not in allowed:
            known = ", ".join(sorted(allowed)) or "none"
            raise ValueError(f"{parts.scheme}:// knows no option {name!r}; it takes {known}")
        options[name] = value
    return options


def _tls(options: dict[str, str], directory: str) -> Tls:
    check = options.get("ssl_check_hostname", "yes").lower()
    verify = options.get("ssl_cert_reqs", "required").lower()
    if check not in _BOOLEANS:
        raise ValueError(f"ssl_check_hostname is {check!r}; write yes or no")
    if verify not in ("required", "none"):
        raise ValueError(f"ssl_cert_reqs is {verify!r}; write required (or none, which trusts anyone)")
    if "ssl_keyfile" in options and "ssl_certfile" not in options:
        raise ValueError("ssl_keyfile needs the certificate it belongs to; add ssl_certfile")
    return Tls(
        _path_of(options.get("ssl_ca_certs"), directory),
        _path_of(options.get("ssl_certfile"), directory),
        _path_of(options.get("ssl_keyfile"), directory),
        check_hostname=_BOOLEANS[check],
        verify=verify == "required",
    )


def _path_of(name: str | None, directory: str) -> str | None:
    return None if name is None else posixpath.join(directory, name)
