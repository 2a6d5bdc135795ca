"""Compiles the routes of one service: what a route does not say it has from its service, and all of it must agree."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Set
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel

from gateway.registry.compile_policies import (
    auth_policy,
    cache_policy,
    concurrency_policies,
    cors_policy,
    quota_policies,
    timeouts,
)
from gateway.registry.findings import Findings, settings
from gateway.registry.problems import Origin
from gateway.registry.schema.access import Auth
from gateway.registry.schema.service import RouteEntry, ServiceFile
from gateway.registry.snapshot import Route, Service
from gateway.rules.caching.policy import CachePolicy
from gateway.rules.concurrency import ConcurrencyPolicy
from gateway.rules.cors import CorsPolicy
from gateway.rules.quota import QuotaPolicy

B = TypeVar("B", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class RouteCompiler:
    """Knows what the routes of one service share."""

    model: ServiceFile
    service: Service
    findings: Findings
    limits: tuple[QuotaPolicy, ...]
    concurrency: tuple[ConcurrencyPolicy, ...]
    cors: CorsPolicy | None
    origins: ChainMap[str, Origin]
    own_origins: frozenset[bytes]  # under which the service may name its own resources

    def compile(self, index: int, entry: RouteEntry) -> Route:
        """Compile the route that stands at `index`; what is wrong with it goes to the findings."""
        here = ("routes", index)
        own = settings(self.findings.document, here)
        auth = overlaid(self.model.auth, entry.auth)
        emergency = (entry.route_class or self.model.service_class) == "emergency"
        methods = frozenset(method.encode() for method in entry.methods if method != "*")
        limits, concurrency = self.limits, self.concurrency
        scope = f"{','.join(sorted(entry.methods))} {entry.path}"
        if entry.rate_limit is not None:
            limits = quota_policies(entry.rate_limit, scope)
        if entry.concurrency is not None:
            concurrency = concurrency_policies(entry.concurrency, scope)
        self._check_path(entry, here)
        self._check_auth(auth, entry, here)
        if emergency:
            self._check_emergency(auth, entry, here, limited=bool(limits), crowded=bool(concurrency))
        elif entry.offline is not None:
            remedy = "write `class: emergency` too, or remove it"
            self.findings.refuse((*here, "offline"), "only emergency routes answer with it", remedy, of_key=True)
        return Route(
            name=entry.path,
            template=entry.path,
            methods=methods,
            service=self.service,
            strip_prefix=f"/v1/{self.service.name}".encode(),
            auth=auth_policy(auth),
            emergency=emergency,
            limits=limits,
            concurrency=concurrency,
            cache=self._cache(entry, auth, here),
            cors=self.cors if entry.cors is None else cors_policy(entry.cors),
            timeouts=timeouts(overlaid(self.model.upstream.timeout, entry.timeout)),
            max_body_bytes=self.model.max_body if entry.max_body is None else entry.max_body,
            offline=entry.offline,
            upgrade=frozenset(protocol.encode() for protocol in entry.upgrade),
            origins=self._origins(own),
        )

    def _check_path(self, entry: RouteEntry, here: tuple[str | int, ...]) -> None:
        prefix = f"/v1/{self.service.name}"
        if entry.path != prefix and not entry.path.startswith(prefix + "/"):
            reason = f"the paths of this service begin with {prefix}/, so that no service can take another's"
            self.findings.refuse((*here, "path"), reason, f"write {prefix}/…, or correct the service's `name`")
        if "*" in entry.methods and len(entry.methods) > 1:
            loc = (*here, "methods", entry.methods.index("*"))
            self.findings.refuse(loc, "'*' is every method already", "write ['*'], or the methods without it")

    def _check_auth(self, auth: Auth, entry: RouteEntry, here: tuple[str | int, ...]) -> None:
        own = entry.auth.model_fields_set if entry.auth is not None else frozenset()
        place = (*here, "auth") if own else ("auth",)
        if auth.mode == "none":
            idle = sorted(own & {"scopes", "claims", "assurance", "purpose"})
            if idle:
                reason = f"with mode none nobody is known, so `{idle[0]}` has no meaning"
                self.findings.refuse((*place, idle[0]), reason, "write mode: required or optional, or remove it")
            return
        if auth.pass_authorization:
            reason = "pass_authorization needs mode none; else the agency receives the gateway's assertion there"
            self._refuse_auth("pass_authorization", own, here, reason, "write mode: none, or remove it")
        if auth.claims and auth.purpose is None:
            reason = "claims are given away without a purpose (UU 27/2022)"
            self._refuse_auth("claims", own, here, reason, "write `purpose: …` beside them, or remove the claims")
        if auth.mode == "optional" and (auth.scopes or auth.assurance):
            setting = "scopes" if auth.scopes else "assurance"
            reason = f"with mode optional a caller may be unknown, and nobody unknown has {setting}"
            self._refuse_auth(setting, own, here, reason, "write mode: required, or `scopes: []` on this route")

    def _refuse_auth(self, setting: str, own: Set[str], here: tuple[str | int, ...], reason: str, remedy: str) -> None:
        """Refuse a setting where it stands: at the route, or at the service it is inherited from."""
        loc = (*here, "auth", setting) if setting in own else ("auth", setting)
        self.findings.refuse(loc, reason, remedy, of_key=True)

    def _check_emergency(
        self, auth: Auth, entry: RouteEntry, here: tuple[str | int, ...], *, limited: bool, crowded: bool
    ) -> None:
        if auth.mode == "required":
            written = entry.auth is not None and "mode" in entry.auth.model_fields_set
            loc = (*here, "auth", "mode") if written else (*here, "path")
            reason = "an emergency route must not ask for a sign-in (it does unless told otherwise)"
            self.findings.refuse(loc, reason, "write `auth: {mode: optional}` or `auth: {mode: none}`")
        for setting, block, applies in (
            ("rate_limit", entry.rate_limit, limited),
            ("concurrency", entry.concurrency, crowded),
        ):
            if applies:
                own = block is not None
                reason = "an emergency route must not have limits: abuse is flagged there, never blocked"
                remedy = "remove them" if own else f"write `{setting}: none` on this route"
                self.findings.refuse((*here, setting if own else "path"), reason, remedy, of_key=own)

    def _cache(self, entry: RouteEntry, auth: Auth, here: tuple[str | int, ...]) -> CachePolicy | None:
        block = entry.cache
        if block is None:
            return None
        loc = (*here, "cache")
        if block.scope == "shared" and auth.mode == "required":
            reason = "answers for signed-in citizens would be shared with everybody"
            self.findings.refuse(loc, reason, "write `scope: citizen` under it, or `auth: {mode: none}`", of_key=True)
        if block.scope == "citizen" and auth.mode == "none":
            reason = "with auth mode none no citizen is known whose own answer could be kept"
            self.findings.refuse((*loc, "scope"), reason, "write `scope: shared`, or `auth: {mode: required}`")
        if not {"GET", "HEAD", "*"} & set(entry.methods):
            self.findings.refuse(loc, "only answers to GET and HEAD are kept", "list GET, or remove it", of_key=True)
        if "*" in block.query and len(block.query) > 1:
            self.findings.refuse((*loc, "query"), "'*' is every parameter already", "write ['*'], or names without it")
        return cache_policy(block, self.own_origins)

    def _origins(self, own: dict[str, Origin]) -> ChainMap[str, Origin]:
        replaced = tuple(block for block in ("rate_limit", "concurrency", "cors") if block in own)
        if not replaced:
            return ChainMap(own, *self.origins.maps)
        kept = {
            name: origin
            for layer in reversed(self.origins.maps)
            for name, origin in layer.items()
            if not name.startswith(replaced)
        }
        return ChainMap(own, kept)


def overlaid(block: B, own: B | None) -> B:
    """Return `block` with the settings that `own` writes in its place."""
    if own is None:
        return block
    return block.model_copy(update={name: getattr(own, name) for name in own.model_fields_set})
