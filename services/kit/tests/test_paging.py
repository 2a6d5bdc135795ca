import base64
import json
from typing import Any

import pytest
from starlette.requests import Request

from services.kit.paging import page_of
from services.kit.problem import Problem
from services.kit.testing import problem_code

from .conftest import Notebook


async def walk(notebook: Notebook, query: str) -> list[str]:
    words: list[str] = []
    cursor = ""
    while True:
        page = (await notebook.client.get(f"/notes?{query}{cursor}")).json()
        words += [item["word"] for item in page["items"]]
        if page["next"] is None:
            return words
        cursor = f"&cursor={page['next']}"


@pytest.mark.parametrize("sort", ["written_at", "-written_at", "word", "-word"])
async def test_pages_show_every_row_once_whatever_the_order(notebook: Notebook, sort: str) -> None:
    for words in (["c", "a", "b"], ["a", "d"], ["e", "a"]):
        await notebook.write(*words)
        notebook.issuer.now.advance(seconds=1)
    words = await walk(notebook, f"limit=2&sort={sort}")
    assert sorted(words) == ["a", "a", "a", "b", "c", "d", "e"]
    if "word" in sort:
        assert words == sorted(words, reverse=sort.startswith("-"))


async def test_a_row_that_comes_between_pages_shifts_nothing(notebook: Notebook) -> None:
    await notebook.write("a", "b", "c")
    page = (await notebook.client.get("/notes?limit=2&sort=word")).json()
    await notebook.write("0")
    rest = (await notebook.client.get(f"/notes?limit=2&sort=word&cursor={page['next']}")).json()
    assert [item["word"] for item in rest["items"]] == ["c"]


async def test_filters_narrow_the_list(notebook: Notebook) -> None:
    await notebook.write("satu", "dua", "tiga")
    assert await walk(notebook, "word=satu") == ["satu"]
    assert sorted(await walk(notebook, "word=satu,dua")) == ["dua", "satu"]
    assert await walk(notebook, "since=2026-11-24T09:00:01%2B07:00") == []
    assert len(await walk(notebook, "since=2026-11-24T09:00:00+07:00")) == 3


def encoded(parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=0", "bad-limit"),
        ("limit=101", "bad-limit"),
        ("limit=-1", "bad-limit"),
        ("limit=٣", "bad-limit"),
        ("limit=1000000000000", "bad-limit"),
        ("sort=id", "bad-sort"),
        ("sort=--word", "bad-sort"),
        ("word=tiga", "bad-word"),
        ("since=kemarin", "bad-since"),
        ("since=2026-11-24T09:00:00", "bad-since"),
        ("since=2026-02-30T09:00:00Z", "bad-since"),
        ("since=0001-01-01T00:00:00%2B14:00", "bad-since"),
        ("cursor=x", "bad-cursor"),
        ("cursor=é", "bad-cursor"),
        (f"cursor={encoded(['word', 'a', 1])}", "bad-cursor"),
        (f"sort=word&cursor={encoded(['word', 1, 1])}", "bad-cursor"),
        (f"sort=word&cursor={encoded(['word', 'a', True])}", "bad-cursor"),
        (f"sort=word&cursor={encoded(['word', 'a', 2**70])}", "bad-cursor"),
        (f"sort=word&cursor={encoded(['word', chr(0), 1])}", "bad-cursor"),
        (f"sort=word&cursor={encoded(['word', 'a'])}", "bad-cursor"),
        (f"cursor={encoded(['-written_at', '2026-11-24T09:00:00', 1])}", "bad-cursor"),
        (f"cursor={encoded(['-written_at', '9999-12-31T23:59:59-14:00', 1])}", "bad-cursor"),
        (f"cursor={encoded({'a': 1})}", "bad-cursor"),
        (f"cursor={encoded(7)}", "bad-cursor"),
        ("page=2", "unknown-parameter"),
        ("limit=1&limit=2", "repeated-parameter"),
    ],
)
async def test_a_query_that_makes_no_sense_is_400(notebook: Notebook, query: str, code: str) -> None:
    answer = await notebook.client.get(f"/notes?{query}")
    assert (answer.status_code, problem_code(answer)) == (400, code)


CATALOGUE: list[dict[str, Any]] = [{"code": code, "days": days} for code, days in [("b", 2), ("a", 3), ("c", 2)]]


def page(query: str) -> dict[str, Any]:
    request = Request({"type": "http", "path": "/", "headers": [], "query_string": query.encode()})
    return page_of(request, CATALOGUE, filters=["days"], sorts=["code"], default_sort="code", also=["lat"])


def test_a_catalogue_in_memory_pages_by_the_same_parameters() -> None:
    first = page("limit=2")
    assert [item["code"] for item in first["items"]] == ["a", "b"]
    second = page(f"limit=2&cursor={first['next']}")
    assert ([item["code"] for item in second["items"]], second["next"]) == (["c"], None)
    assert [item["code"] for item in page("days=2&sort=-code")["items"]] == ["c", "b"]
    assert page("lat=-6.2") == page("")  # the endpoint's own parameter
    for wrong in ("sort=days", "cursor=!!", "limit=x"):
        with pytest.raises(Problem):
            page(wrong)
