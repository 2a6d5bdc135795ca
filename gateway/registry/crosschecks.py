"""What files of a registry say against each other: a name twice, a path twice, a part of home that nobody serves."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from gateway.registry.compile_gateway import CompiledGateway
from gateway.registry.compile_service import CompiledService
from gateway.registry.problems import ConfigProblem, Origin
from gateway.registry.snapshot import Route
from gateway.rules.matching import Match, Matcher, conflicts


def entry(route: Route) -> tuple[str, frozenset[bytes], Route]:
    """Return a route as the matcher takes it."""
    return route.template, route.methods, route


def doubled_names(services: Iterable[CompiledService], owners: Mapping[str, str]) -> list[ConfigProblem]:
    """Find services of one name. `owners` names the file whose claim to a name was accepted before: it keeps it."""
    by_name: dict[str, list[CompiledService]] = {}
    for service in services:
        by_name.setdefault(service.name, []).append(service)
    problems = []
    for name, claimants in by_name.items():
        for claimant in claimants:
            others = [other.name_origin for other in claimants if other is not claimant]
            if others and claimant.name_origin.file != owners.get(name):
                reason = f"another service has this name: {others[0]}"
                problems.append(ConfigProblem(claimant.name_origin, name, reason, "give one of them another name"))
    return problems


def doubled_paths(services: Iterable[CompiledService], aggregates: Sequence[Route]) -> list[ConfigProblem]:
    """Find routes that would answer the same request."""
    taken = {route.template: route for route in aggregates}
    problems = [_conflict(one.first, one.second, one.methods) for one in conflicts(map(entry, aggregates))]
    for service in services:
        aggregate = taken.get(f"/v1/{service.name}")
        if aggregate is not None:
            reason = f"the aggregate at {_place(aggregate)} has the path /v1/{service.name}"
            problems.append(ConfigProblem(service.name_origin, service.name, reason, "give one of them another name"))
        found = conflicts(map(entry, service.routes))
        problems += [_conflict(one.first, one.second, one.methods) for one in found]
        # Paths of aggregates have no parameters, so only an equal template has their shape.
        same = [(taken[route.template], route) for route in service.routes if route.template in taken]
        problems += [_conflict(first, second, methods) for first, second in same if (methods := _shared(first, second))]
    return problems


def _shared(first: Route, second: Route) -> frozenset[bytes]:
    return first.methods & second.methods if second.methods else first.methods


def _conflict(first: Route, second: Route, methods: frozenset[bytes]) -> ConfigProblem:
    shared = ", ".join(sorted(method.decode() for method in methods)) or "every method"
    reason = f"the route at {_place(first)} answers the same requests ({shared})"
    return ConfigProblem(_place(second), second.template, reason, "remove one, or give them different methods")


def unserved_parts(
    gateway: CompiledGateway, matcher: Matcher[Route], absent: Collection[str]
) -> tuple[list[ConfigProblem], list[str]]:
    """Find parts of aggregates that no route serves or no caller can use; warn where a service is absent."""
    problems: list[ConfigProblem] = []
    warnings: list[str] = []
    for number, route in enumerate(gateway.aggregates):
        for index, part in enumerate(route.aggregate.parts if route.aggregate is not None else ()):
            place = gateway.document.origin(("aggregates", number, "parts", index, "path"))
            found = matcher.match(b"GET", part.path)
            service = part.path.decode().split("/")[2] if part.path.count(b"/") > 1 else ""
            if service in absent:
                warnings.append(f"{place}: the part {part.name} is missing while {service} is not served")
            elif not isinstance(found, Match) or found.value.service is None:
                remedy = "list the route in its service's file, or correct the path"
                problems.append(ConfigProblem(place, part.path.decode(), "no service has a GET route here", remedy))
            elif found.value.auth.mode == "required" and route.auth.mode == "none":
                reason = f"{found.value.name} asks for a sign-in, and this aggregate does not look at it"
                remedy = "write `auth: {mode: optional}` at the aggregate"
                problems.append(ConfigProblem(place, part.path.decode(), reason, remedy))
    return problems, warnings


def _place(route: Route) -> Origin:
    return route.origins["path"]
