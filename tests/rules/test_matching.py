"""Finding a route: the matcher against a specification that tries every template."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.rules.matching import (
    Match,
    Matcher,
    MethodMissing,
    NotFound,
    TemplateError,
)

GET = frozenset({b"GET"})
POST = frozenset({b"POST"})
EVERY: frozenset[bytes] = frozenset()

Route = tuple[str, frozenset[bytes], int]


def _match(templates: list[str], path: bytes) -> Match[str] | NotFound | MethodMissing:
    return Matcher([(template, GET, template) for template in templates]).match(b"GET", path)


# ---- paths


@pytest.mark.parametrize(
    ("templates", "path", "winner", "params"),
    [
        (["/v1/x"], b"/v1/x", "/v1/x", ()),
        (["/"], b"/", "/", ()),
        (["/v1/x/"], b"/v1/x/", "/v1/x/", ()),
        (["/v1/{a}"], b"/v1/caf%C3%A9", "/v1/{a}", (("a", b"caf%C3%A9"),)),
        (["/v1/{rest:path}"], b"/v1/a/b/", "/v1/{rest:path}", (("rest", b"a/b/"),)),
        (["/v1/{rest:path}"], b"/v1/", "/v1/{rest:path}", (("rest", b""),)),
        (["/v1/{rest:path}"], b"/v1", "/v1/{rest:path}", (("rest", b""),)),
        (["/{rest:path}"], b"/", "/{rest:path}", (("rest", b""),)),
        (["/{rest:path}", "/{a}", "/x"], b"/x", "/x", ()),
        (["/{rest:path}", "/{a}"], b"/x", "/{a}", (("a", b"x"),)),
        (["/x/{rest:path}", "/x"], b"/x", "/x", ()),
        # Decided segment by segment, from the left: the literal here outweighs the two parameters there.
        (["/{a}/{b}", "/x/{rest:path}"], b"/x/y", "/x/{rest:path}", (("rest", b"y"),)),
        # A literal that leads nowhere is given up for the parameter beside it, and that for the catch-all.
        (["/x/y/z", "/{a}/y/w"], b"/x/y/w", "/{a}/y/w", (("a", b"x"),)),
        (["/x/{a}/z", "/{b}/{c}/w", "/x/{rest:path}"], b"/x/y/w", "/x/{rest:path}", (("rest", b"y/w"),)),
        (["/x/{a}/z", "/{b}/{c}/w", "/{rest:path}"], b"/x/y/w", "/{b}/{c}/w", (("b", b"x"), ("c", b"y"))),
        (["/x/{a}/z", "/{b}/{c}/w", "/{rest:path}"], b"/x/y/v", "/{rest:path}", (("rest", b"x/y/v"),)),
    ],
)
def test_the_most_specific_template_wins(
    templates: list[str], path: bytes, winner: str, params: tuple[tuple[str, bytes], ...]
) -> None:
    for order in (templates, templates[::-1]):
        assert _match(order, path) == Match(winner, params)


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("/v1/x", b"/v1/x/"),
        ("/v1/x/", b"/v1/x"),
        ("/v1/x", b"/v1/X"),
        ("/v1/x", b"/v1/x/y"),
        ("/v1/{a}", b"/v1/"),
        ("/v1/{a}", b"/v1"),
        ("/v1/{a}/y", b"/v1//y"),
        ("/v1/{rest:path}", b"/v1x"),
        ("/{rest:path}", b"*"),
        ("/{rest:path}", b""),
        ("/", b""),
    ],
)
def test_what_is_not_named_is_not_found(template: str, path: bytes) -> None:
    assert _match([template], path) == NotFound()


# ---- methods


def test_routes_of_one_path_differ_by_method() -> None:
    matcher = Matcher([("/x/{a}", GET, "read"), ("/x/{b}", POST, "write")])
    assert matcher.match(b"GET", b"/x/1") == Match("read", (("a", b"1"),))
    assert matcher.match(b"POST", b"/x/1") == Match("write", (("b", b"1"),))


def test_a_missing_method_names_those_of_every_template_that_fits() -> None:
    matcher = Matcher(
        [("/x", GET, 1), ("/{a}", POST, 2), ("/{rest:path}", frozenset({b"DELETE"}), 3), ("/y", EVERY, 4)]
    )
    assert matcher.match(b"PATCH", b"/x") == MethodMissing((b"DELETE", b"GET", b"HEAD", b"POST"))
    assert matcher.match(b"PATCH", b"/z") == MethodMissing((b"DELETE", b"POST"))


def test_a_method_missing_at_the_best_template_is_looked_for_at_the_next() -> None:
    matcher = Matcher([("/x", GET, "literal"), ("/{rest:path}", EVERY, "rest")])
    assert matcher.match(b"DELETE", b"/x") == Match("rest", (("rest", b"x"),))


def test_head_is_served_where_get_is_unless_it_has_a_route_of_its_own() -> None:
    assert Matcher([("/x", GET, 1)]).match(b"HEAD", b"/x") == Match(1)
    assert Matcher([("/x", GET, 1), ("/x", frozenset({b"HEAD"}), 2)]).match(b"HEAD", b"/x") == Match(2)
    assert Matcher([("/x", POST, 1)]).match(b"HEAD", b"/x") == MethodMissing((b"POST",))


def test_options_is_served_only_where_it_is_listed() -> None:
    assert Matcher([("/x", GET, 1)]).match(b"OPTIONS", b"/x") == MethodMissing((b"GET", b"HEAD"))


def test_methods_are_case_sensitive() -> None:
    assert Matcher([("/x", GET, 1)]).match(b"get", b"/x") == MethodMissing((b"GET", b"HEAD"))


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"PROPFIND"])
def test_no_method_listed_means_every_method(method: bytes) -> None:
    assert Matcher([("/x", EVERY, 1)]).match(method, b"/x") == Match(1)


def test_a_listed_method_beats_every_method() -> None:
    entries = [("/x", EVERY, "any"), ("/x", GET, "get")]
    for order in (entries, entries[::-1]):
        matcher = Matcher(order)
        assert [matcher.match(method, b"/x") for method in (b"GET", b"HEAD", b"PUT")] == [
            Match("get"),
            Match("get"),
            Match("any"),
        ]


def test_of_two_equal_entries_the_first_wins() -> None:
    matcher = Matcher([("/{a}", GET, 1), ("/{b}", GET, 2), ("/{c}", EVERY, 3), ("/{d}", EVERY, 4)])
    assert matcher.match(b"GET", b"/x") == Match(1, (("a", b"x"),))
    assert matcher.match(b"PUT", b"/x") == Match(3, (("c", b"x"),))


def test_a_bad_template_is_refused_when_the_table_is_made() -> None:
    with pytest.raises(TemplateError):
        Matcher([("x", GET, 1)])


# ---- the whole, against its specification


def _templates() -> st.SearchStrategy[str]:
    segment = st.sampled_from(["a", "b", "{}"])
    ends = st.sampled_from(["", "/", "/{}", "/{:path}"])
    raw = st.tuples(st.lists(segment, max_size=3), ends).map(
        lambda made: "".join("/" + part for part in made[0]) + made[1]
    )
    return raw.filter(bool).map(_name_parameters)


def _name_parameters(text: str) -> str:
    parts = text.split("/")
    return "/".join(part.replace("{", f"{{p{index}") for index, part in enumerate(parts))


METHODS = st.frozensets(st.sampled_from([b"GET", b"HEAD", b"POST"]), max_size=2)
ENTRIES = st.lists(st.tuples(_templates(), METHODS), max_size=12).map(
    lambda pairs: [(template, methods, number) for number, (template, methods) in enumerate(pairs)]
)
PATHS = st.lists(st.sampled_from([b"a", b"b", b"c"]), max_size=4).flatmap(
    lambda parts: st.sampled_from([b"/" + b"/".join(parts), b"".join(b"/" + part for part in parts) + b"/"])
)

Rank = tuple[tuple[int, ...], int, int]  # kinds of segments from the left, how the method is listed, place in the table


def _rank(entry: Route, method: bytes, path: bytes) -> tuple[Rank, bool] | None:
    """Specify one entry: None when the path differs, else its rank (least wins) and whether it takes the method."""
    template, methods, number = entry
    wanted, given_segments = template.split("/")[1:], path.split(b"/")[1:]
    kinds = []
    for index, part in enumerate(wanted):
        if part.endswith(":path}"):
            kinds.append(2)
            break
        if index == len(given_segments):
            return None
        if part.startswith("{"):
            if not given_segments[index]:
                return None
            kinds.append(1)
        elif part.encode() == given_segments[index]:
            kinds.append(0)
        else:
            return None
    else:
        if len(wanted) < len(given_segments):
            return None
    accepted = [method, b"GET"] if method == b"HEAD" else [method]
    listed = [place for place, name in enumerate(accepted) if name in methods]
    taken = bool(listed) or not methods
    return (tuple(kinds), listed[0] if listed else len(accepted), number), taken


@settings(deadline=None, max_examples=300)
@given(ENTRIES, st.sampled_from([b"GET", b"HEAD", b"POST", b"PUT"]), PATHS)
@example([("/a/{p2:path}", GET, 0), ("/{p1}", GET, 1)], b"GET", b"/a")
def test_the_matcher_agrees_with_trying_every_template(entries: list[Route], method: bytes, path: bytes) -> None:
    ranks = [ranked for entry in entries if (ranked := _rank(entry, method, path)) is not None]
    serving = sorted(rank for rank, taken in ranks if taken)
    found = Matcher(entries).match(method, path)
    if serving:
        assert isinstance(found, Match)
        assert found.value == serving[0][2]
    elif ranks:
        fitting = frozenset[bytes]().union(*(entries[rank[2]][1] for rank, _ in ranks))
        assert found == MethodMissing(tuple(sorted(fitting | ({b"HEAD"} if b"GET" in fitting else set()))))
    else:
        assert found == NotFound()


@settings(deadline=None)
@given(_templates(), PATHS)
def test_parameters_put_back_into_the_template_give_the_path(template: str, path: bytes) -> None:
    found = Matcher([(template, EVERY, 0)]).match(b"GET", path)
    if isinstance(found, Match):
        rebuilt = template
        for name, value in found.params:
            rebuilt = rebuilt.replace(f"{{{name}:path}}", value.decode()).replace(f"{{{name}}}", value.decode())
        assert rebuilt.encode() in (path, path + b"/")  # the catch-all also takes the path without its slash


def test_a_path_of_many_segments_is_walked_no_deeper_than_the_templates() -> None:
    matcher = Matcher([("/a/{b}/c", GET, 1), ("/{b}/a/{c}", GET, 2)])
    assert matcher.match(b"GET", b"/a" * 8_000) == NotFound()
