"""The live state of every service's targets: who is up, who is busy, since when; and the choice among them.

It lies beside the registry's snapshot, keyed by service and address, and survives reloads. It opens no connection.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from gateway.clock import Clock
from gateway.errors import NoTarget
from gateway.rules import health as rules
from gateway.rules.delivery import HealthPolicy, Target, UpstreamPolicy

Status = Literal["pass", "warn", "fail"]
OnChange = Callable[["LiveTarget"], None]

_RETRY_AFTER_SECONDS: Final = 10.0  # said when no probe tells when the next look will be


class LiveTarget:
    """One target with what is known of it. `in_flight` is kept by whoever sends."""

    __slots__ = ("health", "in_flight", "service", "target")

    def __init__(self, service: str, target: Target, since: float) -> None:
        self.service = service
        self.target = target
        self.health = rules.TargetHealth(since=since)
        self.in_flight = 0

    def __repr__(self) -> str:
        state = "down" if self.health.is_down else "up"
        return f"<LiveTarget {self.service} {self.target.url} {state}, {self.in_flight} in flight>"


class _Group:
    """The targets of one service in one edition of its policy."""

    __slots__ = ("members", "policy", "turn")

    def __init__(self, policy: UpstreamPolicy, members: tuple[LiveTarget, ...]) -> None:
        self.policy = policy
        self.members = members
        self.turn = 0


@dataclass(frozen=True, slots=True)
class TargetReport:
    """One target as operators see it. `since` by wall clock, in seconds."""

    url: str
    up: bool
    since: float
    in_flight: int
    reason: str  # of the last failure; empty when it is well


@dataclass(frozen=True, slots=True)
class ServiceHealth:
    """One service: pass when all targets are up, warn when some are, fail when none is. Wall-clock seconds.

    `failing_since` is set as soon as every target's last word was a failure, before anyone is judged down.
    """

    service: str
    status: Status
    since: float
    failing_since: float | None
    targets: tuple[TargetReport, ...]


class Targets:
    """All targets of the city. `on_change` hears when one goes down or comes up."""

    def __init__(self, clock: Clock, on_change: OnChange | None = None) -> None:
        self._clock = clock
        self._on_change = on_change
        self._groups: dict[str, _Group] = {}

    def apply(self, policies: Iterable[UpstreamPolicy]) -> None:
        """Take over a new registry: targets that stay keep their state, new ones begin as up, others are dropped."""
        self._groups = {policy.service: self._make_group(policy) for policy in policies}

    def choose(
        self, policy: UpstreamPolicy, *, exclude: Collection[Target] = (), last_resort: bool = False
    ) -> LiveTarget:
        """Return the target for one attempt: an up one with the least in flight, in turn among equals.

        When all are down by failed connections alone, the one that rested longest is tried. Raises NoTarget when
        probes say that all are down; with `last_resort` (class emergency) one is tried even then.
        """
        group = self._group(policy)
        first = group.members[0]
        if len(group.members) == 1 and first.health.failing_since is None and not exclude:
            return first  # most services have one target, which is well
        candidates = [member for member in _in_turn(group) if member.target not in exclude]
        now = self._clock.monotonic()
        up = [member for member in candidates if rules.may_be_chosen(member.health, now)]
        if up:
            return min(up, key=_in_flight)
        resting = [member for member in candidates if last_resort or not member.health.probed_down]
        if resting:
            return min(resting, key=_rest_until)
        health = policy.health
        raise NoTarget(
            f"no target of {policy.service} is up",
            retry_after_seconds=health.interval_seconds if health is not None else _RETRY_AFTER_SECONDS,
        )

    def report_answer(self, live: LiveTarget) -> None:
        """Take note that the target answered a request."""
        if live.health.failing_since is not None:
            self._update(live, rules.after_answer(live.health, wall=self._clock.wall()))

    def report_refusal(self, live: LiveTarget, reason: str) -> None:
        """Take note that a connection to the target did not open."""
        wall, now = self._clock.wall(), self._clock.monotonic()
        self._update(live, rules.after_refusal(live.health, wall=wall, now=now, reason=reason))

    def report_trouble(self, live: LiveTarget, reason: str) -> None:
        """Take note that the target answered late or broken."""
        self._update(live, rules.after_trouble(live.health, wall=self._clock.wall(), reason=reason))

    def report_probe(self, service: str, target: Target, policy: HealthPolicy, failure: str | None) -> None:
        """Take note of a probe's outcome; `failure` is None when it went well. Unknown targets are ignored."""
        live = self._find(service, target)
        if live is None:
            return
        wall = self._clock.wall()
        if failure is None:
            self._update(live, rules.after_good_probe(live.health, policy, wall=wall))
        else:
            self._update(live, rules.after_failed_probe(live.health, policy, wall=wall, reason=failure))

    def health(self, service: str) -> ServiceHealth | None:
        """Return how a service does, or None when the registry has no such service."""
        group = self._groups.get(service)
        return None if group is None else _service_health(group)

    def all_health(self) -> list[ServiceHealth]:
        """Return how every service does, in the registry's order."""
        return [_service_health(group) for group in self._groups.values()]

    def _group(self, policy: UpstreamPolicy) -> _Group:
        group = self._groups.get(policy.service)
        if group is None:
            group = self._groups[policy.service] = self._make_group(policy)
        elif group.policy is not policy:
            return self._make_group(policy)  # a request of an earlier edition: shares the targets that still exist
        return group

    def _make_group(self, policy: UpstreamPolicy) -> _Group:
        wall = self._clock.wall()
        members = (
            self._find(policy.service, target) or LiveTarget(policy.service, target, wall) for target in policy.targets
        )
        return _Group(policy, tuple(members))

    def _find(self, service: str, target: Target) -> LiveTarget | None:
        group = self._groups.get(service)
        members = group.members if group is not None else ()
        return next((member for member in members if member.target == target), None)

    def _update(self, live: LiveTarget, health: rules.TargetHealth) -> None:
        was_down, live.health = live.health.is_down, health
        if self._on_change is not None and was_down != health.is_down:
            self._on_change(live)


def _in_turn(group: _Group) -> tuple[LiveTarget, ...]:
    group.turn = turn = (group.turn + 1) % len(group.members)
    return group.members[turn:] + group.members[:turn]


def _in_flight(member: LiveTarget) -> int:
    return member.in_flight


def _rest_until(member: LiveTarget) -> float:
    return member.health.rest_until


def _service_health(group: _Group) -> ServiceHealth:
    members = group.members
    down = [member.health.since for member in members if member.health.is_down]
    failing = [member.health.failing_since for member in members if member.health.failing_since is not None]
    status: Status = "pass" if not down else "fail" if len(down) == len(members) else "warn"
    since = {
        "pass": max(member.health.since for member in members),  # when the last one came up
        "warn": min(down, default=0.0),  # when the first one went down
        "fail": max(down, default=0.0),  # when the last one went down
    }[status]
    reports = (
        TargetReport(m.target.url, not m.health.is_down, m.health.since, m.in_flight, m.health.reason) for m in members
    )
    return ServiceHealth(
        service=group.policy.service,
        status=status,
        since=since,
        failing_since=max(failing) if len(failing) == len(members) else None,
        targets=tuple(reports),
    )
