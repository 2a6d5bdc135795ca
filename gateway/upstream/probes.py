"""Asks every target that has a health policy, from boot on, whether it is well. One task a target.

It judges nothing: outcomes go to the targets, whose rules decide (rules/health).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from random import SystemRandom
from typing import Final

from gateway.errors import Saturated, UpstreamFault
from gateway.fields import EMPTY
from gateway.rules.delivery import HealthPolicy, Target, Timeouts, UpstreamPolicy
from gateway.upstream.ports import UpstreamClient, UpstreamRequest
from gateway.upstream.targets import Targets

_JITTER: Final = 0.1  # of the interval, so that many gateways do not knock in step
_FIELDS: Final = ((b"user-agent", b"gateway-probe"), (b"accept", b"*/*"))

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Subject:
    """What one task probes; while it is in the registry unchanged, its task runs on."""

    service: str
    target: Target
    policy: HealthPolicy


class Probes:
    """All running probes. Give it a client of its own, so that traffic cannot take its connections."""

    def __init__(
        self,
        client: UpstreamClient,
        targets: Targets,
        *,
        sleep: Sleep = asyncio.sleep,
        random: Callable[[], float] | None = None,
    ) -> None:
        self._client = client
        self._targets = targets
        self._sleep = sleep
        self._random = random if random is not None else SystemRandom().random
        self._tasks: dict[_Subject, asyncio.Task[None]] = {}

    def apply(self, policies: Iterable[UpstreamPolicy]) -> None:
        """Probe what this registry holds: start what is new at once, then stop what is gone. Needs a running loop."""
        wanted = {
            _Subject(policy.service, target, policy.health)
            for policy in policies
            if policy.health is not None
            for target in policy.targets
        }
        gone = [subject for subject in self._tasks if subject not in wanted]
        for subject in wanted - self._tasks.keys():
            self._tasks[subject] = asyncio.create_task(self._run(subject), name=f"probe {subject.target.url}")
        for subject in gone:
            self._tasks.pop(subject).cancel()

    async def aclose(self) -> None:
        """Stop all probes and wait until they have ended."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, subject: _Subject) -> None:
        while True:
            try:
                failure = await self._probe(subject.target, subject.policy)
            except Saturated:
                pass  # no connection was free: nothing was learned
            else:
                self._targets.report_probe(subject.service, subject.target, subject.policy, failure)
            spread = 1 + _JITTER * (2 * self._random() - 1)
            await self._sleep(subject.policy.interval_seconds * spread)

    async def _probe(self, target: Target, policy: HealthPolicy) -> str | None:
        """Return None when the target is well, else why it is not."""
        seconds = policy.timeout_seconds
        timeouts = Timeouts(connect_seconds=seconds, read_seconds=seconds, total_seconds=seconds)
        request = UpstreamRequest(
            method=b"GET", path=policy.path.encode(), query=b"", passed=EMPTY, added=_FIELDS, body=None
        )
        try:
            response = await self._client.send(target, request, timeouts)
        except Saturated:
            raise
        except UpstreamFault as failure:
            return failure.reason
        if response.body is not None:
            await response.body.aclose()
        return None if 200 <= response.status < 400 else f"the probe was answered with {response.status}"
