"""Many who ask for the same at once, and an agency that is slow, broken, dead, or speaks to one of them only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from tests.city.agency import Answer, Received
from tests.city.city import City
from tests.pipeline.exam import Exam, Page, verdict

CROWD = 150


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["direct", "asgi"])
async def exam(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Exam]:
    async with Exam(City(tmp_path_factory.mktemp("together"), lane=request.param)) as exam:
        yield exam


@pytest_asyncio.fixture(loop_scope="module", params=["direct", "asgi"])
async def doomed(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Exam]:
    """A city for one test: its agency is going to fail, and that is remembered."""
    async with Exam(City(tmp_path, lane=request.param)) as exam:
        yield exam


async def until(promise: Callable[[], object]) -> None:
    """Wait for something that is bound to happen."""
    async with asyncio.timeout(30):
        while not promise():
            await asyncio.sleep(0.001)


def crowd(page: Page, size: int = CROWD, fields: str = "") -> list[asyncio.Task[httpx.Response]]:
    return [asyncio.create_task(page.get(fields)) for _ in range(size)]


class Slow:
    """An agency that answers when it is let; `headers` and body as given."""

    def __init__(self, page: Page, headers: dict[str, str], *, status: int = 200, hang_up: bool = False) -> None:
        self.go = asyncio.Event()
        self._page = page
        self._answer = (status, headers, hang_up)
        page.answer_later = self.answer

    async def answer(self, _: Received) -> Answer:
        number = len(self._page.asked)
        await self.go.wait()
        status, headers, hang_up = self._answer
        return Answer(status, headers, b"answer %d" % number, hang_up=hang_up)


async def test_a_crowd_at_one_expired_answer_is_one_question(exam: Exam) -> None:
    page = exam.page("Cache-Control: max-age=60")
    await page.get()
    exam.wait(61)
    slow = Slow(page, {"cache-control": "max-age=60"})
    asking = crowd(page)
    await until(lambda: exam.city.gateway.cache.waiting == CROWD - 1)
    slow.go.set()
    replies = await asyncio.gather(*asking)
    assert {reply.text for reply in replies} == {"answer 2"}
    assert len(page.asked) == 2
    assert sum("; collapsed" in reply.headers["cache-status"] for reply in replies) == CROWD - 1
    assert sum("; stored" in reply.headers["cache-status"] for reply in replies) == 1


async def test_with_stale_while_revalidate_the_whole_crowd_is_answered_before_the_agency_is(exam: Exam) -> None:
    page = exam.page("Cache-Control: max-age=60, stale-while-revalidate=60")
    await page.get()
    exam.wait(61)
    slow = Slow(page, {"cache-control": "max-age=60"})
    replies = await asyncio.gather(*crowd(page))
    assert {reply.text for reply in replies} == {"answer 1"}
    await until(lambda: len(page.asked) == 2)
    slow.go.set()
    await exam.settled()
    assert ((await page.get()).text, len(page.asked)) == ("answer 2", 2)


async def test_a_renewal_that_still_arrives_is_not_begun_again(exam: Exam) -> None:
    page = exam.page("Cache-Control: max-age=60, stale-while-revalidate=60")
    await page.get()
    exam.wait(61)
    more = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"begin "
        await more.wait()
        yield b"end"

    page.answer = lambda _: Answer(headers={"cache-control": "max-age=60"}, pieces=pieces)
    await page.get()
    await until(lambda: exam.city.gateway.cache.arriving)
    for _ in range(3):
        assert "detail=stale-while-revalidate" in (await page.get()).headers["cache-status"]
    more.set()
    await exam.settled()
    assert ((await page.get()).text, len(page.asked)) == ("begin end", 2)


async def test_a_crowd_reads_one_answer_while_it_arrives(exam: Exam) -> None:
    page = exam.page()
    more = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"begin "
        await more.wait()
        yield b"end"

    page.answer = lambda _: Answer(headers={"cache-control": "max-age=60"}, pieces=pieces)
    begun = 0

    async def read() -> str:
        nonlocal begun
        text = ""
        async with exam.client.stream("GET", f"/v1/permits{page.path}") as reply:
            async for piece in reply.aiter_text():
                begun += not text
                text += piece
        return text

    reading = [asyncio.create_task(read()) for _ in range(40)]
    await until(lambda: begun == 40)
    late = asyncio.create_task(read())  # who comes while it arrives begins at the beginning
    await until(lambda: begun == 41)
    more.set()
    assert set(await asyncio.gather(*reading, late)) == {"begin end"}
    assert len(page.asked) == 1
    await exam.settled()
    assert verdict(page, await page.get(), 1) == "hit"


async def test_an_answer_that_breaks_off_breaks_off_for_everybody_and_is_not_kept(doomed: Exam) -> None:
    page = doomed.page()
    more = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"begin "
        await more.wait()
        raise OSError("the agency dies")

    page.answer = lambda _: Answer(headers={"cache-control": "max-age=60"}, pieces=pieces)
    asking = crowd(page, 10)
    await until(lambda: doomed.city.gateway.cache.in_flight and len(page.asked) == 1)
    more.set()
    results = await asyncio.gather(*asking, return_exceptions=True)
    assert all(isinstance(one, httpx.RemoteProtocolError) for one in results)
    page.answer = None
    page.says("Cache-Control: max-age=60")
    assert verdict(page, await page.get(), 1) == "asked"


@pytest.mark.parametrize("directive", ["private", "no-store"])
async def test_an_answer_for_one_person_lets_the_others_go_at_once_to_get_their_own(exam: Exam, directive: str) -> None:
    page = exam.page(f"Cache-Control: {directive}")
    slow = Slow(page, {"cache-control": directive})
    asking = crowd(page, 20)
    await until(lambda: exam.city.gateway.cache.waiting == 19)
    slow.go.set()
    replies = await asyncio.gather(*asking)
    assert len({reply.text for reply in replies}) == 20
    # And for a while nobody waits in vain for such an answer.
    await page.get()
    assert exam.city.gateway.cache.waiting == 0


async def test_languages_are_asked_for_once_each(exam: Exam) -> None:
    page = exam.page()
    slow = Slow(page, {"cache-control": "max-age=60", "vary": "accept-language"})
    asking = crowd(page, 10, "Accept-Language: id") + crowd(page, 10, "Accept-Language: en")
    await until(lambda: exam.city.gateway.cache.waiting == 19)
    slow.go.set()
    replies = await asyncio.gather(*asking)
    assert len(page.asked) == 2
    said = {(reply.request.headers["accept-language"], reply.text) for reply in replies}
    assert len(said) == 2


async def test_a_failure_is_everybodys_and_no_stampede(doomed: Exam) -> None:
    page = doomed.page()
    slow = Slow(page, {}, hang_up=True)
    asking = crowd(page, 50)
    await until(lambda: doomed.city.gateway.cache.waiting == 49)
    slow.go.set()
    replies = await asyncio.gather(*asking)
    assert {(reply.status_code, reply.json()["source"]) for reply in replies} == {(502, "agency")}
    assert len({reply.json()["case"] for reply in replies}) == 50
    assert len(page.asked) == 1


async def test_an_agencys_own_error_is_one_question_too_and_its_words_are_not_passed_around(exam: Exam) -> None:
    page = exam.page()
    slow = Slow(page, {}, status=503)
    asking = crowd(page, 20)
    await until(lambda: exam.city.gateway.cache.waiting == 19)
    slow.go.set()
    replies = await asyncio.gather(*asking)
    assert sum(reply.text == "answer 1" for reply in replies) == 1
    assert sum(reply.status_code == 502 for reply in replies) == 19
    assert len(page.asked) == 1


async def test_a_slow_answer_holds_up_the_one_who_asked_and_not_the_crowd(doomed: Exam) -> None:
    page = doomed.page()
    stuck = asyncio.Event()

    async def answer(_: Received) -> Answer:
        number = len(page.asked)
        if number == 1:
            await stuck.wait()
        return Answer(headers={"cache-control": "max-age=60"}, body=b"answer %d" % number)

    page.answer_later = answer
    doomed.city.gateway.cache.patience_seconds = 0.01
    first = asyncio.create_task(page.get())
    await until(lambda: len(page.asked) == 1)
    others = await asyncio.gather(*crowd(page, 10))
    assert {reply.text for reply in others} == {"answer 2"}
    assert not first.done()
    stuck.set()
    assert (await first).text == "answer 1"


async def test_a_question_nobody_waits_for_any_more_is_given_up(exam: Exam) -> None:
    page = exam.page("Cache-Control: max-age=60")
    Slow(page, {"cache-control": "max-age=60"})
    asking = asyncio.create_task(page.get())
    await until(lambda: len(page.asked) == 1)
    asking.cancel()
    await exam.settled()
    page.answer_later = None
    assert verdict(page, await page.get(), 1) == "asked"


async def test_an_answer_worth_keeping_is_read_to_its_end_although_its_client_left(exam: Exam) -> None:
    page = exam.page()
    more = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"begin "
        await more.wait()
        yield b"end"

    page.answer = lambda _: Answer(headers={"cache-control": "max-age=60"}, pieces=pieces)
    async with exam.client.stream("GET", f"/v1/permits{page.path}"):
        pass
    more.set()
    await exam.settled()
    reply = await page.get()
    assert (reply.text, verdict(page, reply, 1)) == ("begin end", "hit")


async def test_what_was_changed_while_it_was_asked_for_is_not_kept_and_not_joined(exam: Exam) -> None:
    page = exam.page("Cache-Control: max-age=60")
    slow = Slow(page, {"cache-control": "max-age=60"})
    old = asyncio.create_task(page.get())
    await until(lambda: len(page.asked) == 1)
    page.answer_later = None
    await page.get(method="PUT")
    new = await page.get()
    slow.go.set()
    assert ((await old).text, new.text) == ("answer 1", "answer 3")
    assert (await page.get()).text == "answer 3"


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("id", "Data per 15 Januari 2027 pukul 15.00 WIB; layanan sedang gangguan, bukan jaringan Anda"),
        ("en", "Data as of 15 January 2027, 15:00 WIB; the service is disturbed, not your network"),
    ],
)
async def test_a_dead_agencys_data_tells_its_age_in_words(doomed: Exam, language: str, words: str) -> None:
    page = doomed.page("Cache-Control: max-age=60, stale-if-error=86400")
    await page.get()
    await doomed.origin.stop()
    doomed.wait(3_600)
    reply = await page.get(f"Accept-Language: {language}")
    assert (reply.status_code, reply.text, reply.headers["age"]) == (200, "answer 1", "3600")
    assert reply.headers["tangerang-notice"] == f'"{words}"'
    assert reply.headers["cache-status"].startswith("tangerang; fwd=stale; ttl=-3540; detail=")


async def test_without_anything_stored_a_dead_agency_is_named(doomed: Exam) -> None:
    page = doomed.page()
    await doomed.origin.stop()
    reply = await page.get()
    assert (reply.status_code, reply.json()["source"]) == (503, "agency")
    assert reply.json()["agency"]["name"] == "Dinas permits"
    assert reply.headers["cache-status"] == "tangerang; fwd=uri-miss; detail=agency-unavailable"


async def test_time_spent_waiting_for_another_ones_answer_is_the_agencys(doomed: Exam) -> None:
    page = doomed.page()
    slow = Slow(page, {"cache-control": "max-age=60"})
    asking = crowd(page, 3)
    await until(lambda: doomed.city.gateway.cache.waiting == 2)
    doomed.wait(2)
    slow.go.set()
    await asyncio.gather(*asking)
    lines = [line for line in doomed.city.access_lines() if line["route"].startswith("/v1/permits/plain")]
    assert [line["agency_us"] for line in lines] == [2_000_000] * 3
    assert sorted(line["cache"] for line in lines) == ["collapsed", "collapsed", "miss"]
