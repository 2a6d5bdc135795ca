"""HEAD: answered from a stored GET, and an answer to it freshens what is stored (RFC 9111 section 4.3.5)."""

from __future__ import annotations

import pytest

from tests.rules.caching.world import Reply, World, at, went_stale

LM = "Wed, 01 Jan 2020 00:00:00 GMT"
SHORT = "Cache-Control: max-age=2\n"


@pytest.mark.parametrize(
    ("stored", "head", "after"),
    [
        ("", "Cache-Control: max-age=1000", "cache"),
        ("", "Cache-Control: max-age=1000\nContent-Length: 10", "cache"),
        ("", "Cache-Control: max-age=1000\nContent-Length: 11", "origin"),
        ('ETag: "a"', 'Cache-Control: max-age=1000\nETag: "a"', "cache"),
        ('ETag: "a"', 'Cache-Control: max-age=1000\nETag: "b"', "origin"),
        ("", 'Cache-Control: max-age=1000\nETag: "b"', "origin"),
        (f"Last-Modified: {LM}", f"Cache-Control: max-age=1000\nLast-Modified: {LM}", "cache"),
        (f"Last-Modified: {LM}", f"Cache-Control: max-age=1000\nLast-Modified: {at(0)}", "origin"),
        ("", "Cache-Control: no-store", "origin"),
        ("", "Cache-Control: private, max-age=1000", "origin"),
        ("", "Cache-Control: max-age=1000\nVary: *", "origin"),
    ],
)
def test_head_updates_the_get_answer_it_describes_and_drops_another(stored: str, head: str, after: str) -> None:
    world = went_stale(f"Template-A: 1\n{stored}")
    seen = world.ask(Reply(f"{head}\nTemplate-A: 2", body=b""), method=b"HEAD")
    assert (seen.source, seen.answer.body) == ("origin", b"")
    again = world.ask(Reply())
    assert again.source == after
    assert after == "origin" or (again.value(b"template-a"), again.answer.body) == (b"2", b"0123456789")


def test_head_leaves_other_variants_and_known_callers_alone() -> None:
    world = World()
    for foo in ("1", "2"):
        world.ask(Reply(f"{SHORT}Vary: Foo\nX: old"), fields=f"Foo: {foo}")
    world.wait(3)
    head = Reply("Cache-Control: max-age=1000\nVary: Foo\nX: new", body=b"")
    world.ask(head, method=b"HEAD", fields="Foo: 1", authorized=True)
    world.ask(head, method=b"HEAD", fields="Foo: 1")
    assert world.ask(fields="Foo: 1").value(b"x") == b"new"
    assert world.ask(Reply(), fields="Foo: 2").source == "origin"


def test_head_that_varies_otherwise_changes_which_requests_select_the_answer() -> None:
    world = went_stale("X: old")
    world.ask(Reply("Cache-Control: max-age=1000\nVary: Foo", body=b""), method=b"HEAD", fields="Foo: 1")
    assert world.ask(fields="Foo: 1").source == "cache"
    assert world.ask(Reply(), fields="Foo: 2").source == "origin"


def test_head_that_fails_changes_nothing() -> None:
    world = went_stale('ETag: "a"')
    world.ask(Reply("Cache-Control: max-age=1000", 410, b""), method=b"HEAD")
    assert any(world.stored.values())


def test_head_is_answered_from_a_stored_get_with_its_length_and_no_body() -> None:
    world = World()
    world.ask(Reply("Cache-Control: max-age=60"))
    seen = world.ask(method=b"HEAD")
    assert (seen.source, seen.value(b"content-length"), seen.answer.body) == ("cache", b"10", b"")


def test_304_to_head_refreshes_the_get_answer() -> None:
    world = went_stale('ETag: "a"')
    seen = world.ask(Reply('ETag: "a"\nCache-Control: max-age=60', 304), method=b"HEAD")
    assert (seen.source, seen.answer.body) == ("validated", b"")
    assert world.ask().answer.body == b"0123456789"


def test_head_without_a_stored_answer_stores_nothing() -> None:
    world = World()
    world.ask(Reply("Cache-Control: max-age=60", body=b""), method=b"HEAD")
    assert world.ask(Reply()).source == "origin"
