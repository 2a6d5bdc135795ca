"""Path templates: how they are read, and which of them claim the same requests."""

from __future__ import annotations

import pytest

from gateway.rules.matching import Conflict, TemplateError, conflicts, parse_template

GET = frozenset({b"GET"})
POST = frozenset({b"POST"})
EVERY: frozenset[bytes] = frozenset()


def test_a_template_names_its_parameters_in_order() -> None:
    template = parse_template("/v1/{service}/types/{code}/{rest:path}")
    assert [segment.kind for segment in template.segments] == ["literal", "parameter", "literal", "parameter", "rest"]
    assert template.parameters == ("service", "code", "rest")


@pytest.mark.parametrize(
    ("text", "reason", "remedy"),
    [
        ("v1/x", "begin with a slash", "write /v1/x"),
        ("", "begin with a slash", "write /"),
        ("/{rest:path}/x", "whole rest", "put it last"),
        ("/{a:path}/{b:path}", "whole rest", "put it last"),
        ("/a//b", "empty segment", "single slashes"),
        ("//", "empty segment", "single slashes"),
        ("/{id}/x/{id}", "same name", "name of its own"),
        ("/x-{id}", "neither a literal nor a parameter", "whole segment"),
        ("/{id}.json", "neither a literal nor a parameter", "whole segment"),
        ("/{}", "neither a literal nor a parameter", "whole segment"),
        ("/{1st}", "neither a literal nor a parameter", "whole segment"),
        ("/{id:int}", "neither a literal nor a parameter", "whole segment"),
        ("/a}", "neither a literal nor a parameter", "whole segment"),
        ("/kafé", "matches no request", "percent-encode"),
        ("/a b", "matches no request", "percent-encode"),
        ("/..", "matches no request", "percent-encode"),
        ("/a?b", "matches no request", "percent-encode"),
        ("/%61b", "not canonical", "write ab"),
        ("/caf%c3%a9", "not canonical", "write caf%C3%A9"),
    ],
)
def test_a_template_that_cannot_be_read_says_why_and_what_to_write(text: str, reason: str, remedy: str) -> None:
    with pytest.raises(TemplateError) as refused:
        parse_template(text)
    assert reason in refused.value.reason
    assert remedy in refused.value.remedy
    assert str(refused.value) == f"{refused.value.reason}; {refused.value.remedy}"


# ---- conflicts


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        (("/x", GET), ("/x", GET), GET),
        (("/x", GET | POST), ("/x", GET), GET),
        (("/{a}/y", GET), ("/{b}/y", GET), GET),
        (("/{a:path}", GET), ("/{b:path}", EVERY), GET),
        (("/x", EVERY), ("/x", POST), POST),
        (("/x", EVERY), ("/x", EVERY), EVERY),
    ],
)
def test_entries_for_the_same_requests_conflict(
    first: tuple[str, frozenset[bytes]], second: tuple[str, frozenset[bytes]], shared: frozenset[bytes]
) -> None:
    assert conflicts([(*first, "first"), (*second, "second")]) == [Conflict("first", "second", shared)]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("/x", GET), ("/x", POST)),
        (("/x", GET), ("/x/", GET)),
        (("/{a}", GET), ("/x", GET)),
        (("/{a}", GET), ("/{a:path}", GET)),
        (("/x/{a:path}", GET), ("/x", GET)),
    ],
)
def test_entries_that_can_be_told_apart_do_not_conflict(
    first: tuple[str, frozenset[bytes]], second: tuple[str, frozenset[bytes]]
) -> None:
    assert conflicts([(*first, 1), (*second, 2)]) == []


def test_each_pair_in_conflict_is_named() -> None:
    found = conflicts([("/x", GET, 1), ("/x", GET, 2), ("/x", GET, 3)])
    assert [(conflict.first, conflict.second) for conflict in found] == [(1, 2), (1, 3), (2, 3)]
