"""The issuers trusted now, each with its keys and its revocations followed: live state that reloads change in place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence

import httpx

from gateway.clock import Clock
from gateway.identity.condition import Condition
from gateway.identity.feed import RevocationFeed
from gateway.identity.keys import JwksSource
from gateway.identity.revocation import Revocation, Revocations
from gateway.registry.snapshot import IssuerPolicy


class TrustedIssuers:
    """Starts and closes what follows each issuer. Owns its tasks, not `client`."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        revocations: Revocations,
        clock: Clock,
        on_revoked: Callable[[Sequence[Revocation]], object] | None = None,
    ) -> None:
        """`on_revoked` is told of each revocation that an issuer's list brings as news."""
        self._client = client
        self._revocations = revocations
        self._clock = clock
        self._on_revoked = on_revoked
        self._feeds: dict[str, RevocationFeed] = {}
        self.policies: tuple[IssuerPolicy, ...] = ()
        self.sources: Mapping[str, JwksSource] = {}  # by issuer

    async def adopt(self, policies: tuple[IssuerPolicy, ...]) -> None:
        """Follow these issuers from now on; give `policies` and `sources` to `Verifier.adopt` right after.

        What is unchanged goes on. Changed issuers come with their keys, if these can be had within seconds, so that a
        reload signs nobody out.
        """
        before = {policy.issuer: policy for policy in self.policies}
        unchanged = {policy.issuer for policy in policies if before.get(policy.issuer) == policy}
        retired = _parts(self.sources, self._feeds, excluding=unchanged)
        sources = {name: source for name, source in self.sources.items() if name in unchanged}
        feeds = {name: feed for name, feed in self._feeds.items() if name in unchanged}
        fresh = [policy for policy in policies if policy.issuer not in unchanged]
        for policy in fresh:
            sources[policy.issuer] = JwksSource(policy, self._client, self._clock)
            if policy.revocations_url is not None:
                feeds[policy.issuer] = RevocationFeed(
                    policy, self._client, self._revocations, self._clock, on_news=self._on_revoked
                )
                feeds[policy.issuer].start()
        try:
            await asyncio.gather(*(self._bring_up(sources[policy.issuer]) for policy in fresh))
        except BaseException:
            await _close(_parts(sources, feeds, excluding=unchanged))
            raise
        self.policies, self.sources, self._feeds = policies, sources, feeds
        await _close(retired)

    def conditions(self) -> dict[str, Condition]:
        """Return how each part of identity is doing, by a name that operators read: `keys <issuer>` and so on."""
        named = {f"keys {name}": source.condition for name, source in self.sources.items()}
        return named | {f"revocations {name}": feed.condition for name, feed in self._feeds.items()}

    async def aclose(self) -> None:
        await _close(_parts(self.sources, self._feeds))

    async def _bring_up(self, source: JwksSource) -> None:
        source.start()
        await source.fetch()


def _parts(
    sources: Mapping[str, JwksSource], feeds: Mapping[str, RevocationFeed], *, excluding: Collection[str] = ()
) -> list[JwksSource | RevocationFeed]:
    named: list[tuple[str, JwksSource | RevocationFeed]] = [*sources.items(), *feeds.items()]
    return [part for name, part in named if name not in excluding]


async def _close(parts: list[JwksSource | RevocationFeed]) -> None:
    await asyncio.gather(*(part.aclose() for part in parts))
