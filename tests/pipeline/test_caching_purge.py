"""Having stored answers forgotten: by operators, in every process, and when a citizen signs out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from click.testing import CliRunner, Result

from gateway.cli import main
from gateway.store.purge import TOPIC, Purge
from tests.city.city import ADMIN_TOKEN, City
from tests.pipeline.exam import Exam, Page, verdict

ADMIN = {"authorization": f"Bearer {ADMIN_TOKEN}"}


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def city_of_all(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Exam]:
    async with Exam(City(tmp_path_factory.mktemp("purge"))) as exam:
        yield exam


@pytest_asyncio.fixture(loop_scope="module")
async def exam(city_of_all: Exam) -> Exam:
    """The city with nothing stored."""
    city_of_all.city.gateway.cache.purge(Purge())
    return city_of_all


@pytest_asyncio.fixture(loop_scope="module")
async def doomed(tmp_path: Path) -> AsyncIterator[Exam]:
    """A city for one test: its agency is going to fail, or its citizens are signed out for good."""
    async with Exam(City(tmp_path)) as exam:
        yield exam


async def purge(exam: Exam, query: str) -> int:
    """Purge by the admin API; return how many addresses that met."""
    reply = await exam.city.ops.post(f"/admin/cache/purge{query}", headers=ADMIN)
    assert reply.status_code == 200, reply.text
    return int(reply.json()["purged"])


async def filled(exam: Exam) -> tuple[Page, Page]:
    """Return two pages that are stored, the first one in two views and with a tag."""
    one, other = (
        exam.page("Cache-Control: max-age=600 | Cache-Tag: fees, list"),
        exam.page("Cache-Control: max-age=600"),
    )
    for page, query in ((one, "?page=1"), (one, "?page=2"), (other, "")):
        await page.get(query=query)
    return one, other


PURGES = [
    ("", 3, 0),
    ("?service=permits", 3, 0),
    ("?url=/v1/permits{one}", 2, 1),
    ("?url=/v1/permits{one}%3Fpage%3D1", 1, 2),
    ("?url=http://api.test/v1/permits{one}", 2, 1),
    ("?url=/v1/permits{other}&service=permits", 1, 2),
    ("?tag=fees", 2, 1),
    ("?tag=none", 0, 3),
]


@pytest.mark.parametrize(("query", "purged", "left"), PURGES)
async def test_a_purge_takes_what_it_names(exam: Exam, query: str, purged: int, left: int) -> None:
    one, other = await filled(exam)
    assert await purge(exam, query.format(one=one.path, other=other.path)) == purged
    assert len(exam.city.gateway.responses) == left


async def test_a_soft_purge_has_the_answer_validated_and_keeps_it_for_an_outage(doomed: Exam) -> None:
    page = doomed.page('Cache-Control: max-age=600, stale-if-error=600 | ETag: "v1"')
    await page.get()
    assert await purge(doomed, "?soft=true") == 1
    assert verdict(page, await page.get(), 1) == "validated"
    await purge(doomed, "?soft=true")
    await doomed.origin.stop()
    assert "stale-if-error" in (await page.get()).headers["cache-status"]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("?servce=permits", "unknown parameter"),
        ("?service=parking", "no service"),
        ("?url=/v1/nowhere", "no route"),
        ("?url=/v1/permits/%2e%2e%2fx/..%2f..", "no"),
        ("?url=/v1/permits/plain/1&service=", "no service"),
    ],
)
async def test_a_purge_that_is_not_understood_purges_nothing(exam: Exam, query: str, told: str) -> None:
    await filled(exam)
    reply = await exam.city.ops.post(f"/admin/cache/purge{query}", headers=ADMIN)
    assert reply.status_code == 400
    assert told in reply.json()["error"]
    assert len(exam.city.gateway.responses) == 3


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/admin/cache/purge"), ("GET", "/admin/cache"), ("GET", "/admin/cache/inspect?url=/v1/permits/plain/1")],
)
async def test_without_the_token_nobody_sees_or_purges(exam: Exam, method: str, path: str) -> None:
    await filled(exam)
    assert (await exam.city.ops.request(method, path)).status_code == 401
    assert len(exam.city.gateway.responses) == 3


async def test_inspect_tells_what_is_stored_and_no_body(exam: Exam) -> None:
    one, _ = await filled(exam)
    exam.wait(10)
    url = f"/v1/permits{one.path}%3Fpage%3D1"
    reply = await exam.city.ops.get(f"/admin/cache/inspect?url={url}", headers=ADMIN)
    told = reply.json()
    assert (told["service"], told["target"], told["other_queries"]) == ("permits", f"{one.path}?page=1", ["page=2"])
    variant = told["variants"][0]
    assert (variant["age_seconds"], variant["ttl_seconds"], variant["state"]) == (10, 590, "fresh")
    assert variant["tags"] == ["fees", "list"]
    assert "answer" not in reply.text


async def test_what_another_process_was_told_to_purge_goes_here_too(exam: Exam) -> None:
    await filled(exam)
    exam.city.gateway.bus.publish(TOPIC, Purge(tag=b"fees").encode())
    assert len(exam.city.gateway.responses) == 1


async def test_a_citizens_part_of_the_cache_goes_when_they_sign_out(doomed: Exam) -> None:
    page = doomed.page("Cache-Control: private, max-age=600", kind="mine")
    for citizen in ("siti", "budi"):
        await page.get(token=citizen)
    responses = doomed.city.gateway.responses
    assert len(responses) == 2
    doomed.city.issuer.revoke("session-of-siti")
    while len(responses) == 2:
        await asyncio.sleep(0.001)
    assert verdict(page, await page.get(token="budi"), 2) == "hit"
    assert (await page.get(token="siti")).status_code == 401


async def test_an_answer_under_way_while_its_citizen_signs_out_is_not_kept(doomed: Exam) -> None:
    page = doomed.page(kind="mine")
    go = asyncio.Event()

    page.before = go.wait
    page.says("Cache-Control: max-age=600")
    asking = asyncio.create_task(page.get(token="siti"))
    while not page.asked:
        await asyncio.sleep(0.001)
    doomed.city.issuer.revoke("session-of-siti")
    while not len(doomed.city.gateway.revocations):
        await asyncio.sleep(0.001)
    go.set()
    await asking
    await doomed.settled()
    assert len(doomed.city.gateway.responses) == 0


# ---- the command


async def command(exam: Exam, *arguments: str) -> Result:
    """Run `gateway cache …` against the city's ops port."""
    ops = str(exam.city.ops.base_url).rstrip("/")
    given = ["cache", *arguments, "--config", str(exam.city.config), "--ops", ops]
    return await asyncio.to_thread(CliRunner().invoke, main, given)


async def test_the_command_shows_and_purges(exam: Exam) -> None:
    one, _ = await filled(exam)
    stats = json.loads((await command(exam, "stats")).output)
    assert (stats["entries"], stats["services"]) == (3, {"permits": 3})
    told = json.loads((await command(exam, "inspect", f"/v1/permits{one.path}?page=1")).output)
    assert len(told["variants"]) == 1
    assert json.loads((await command(exam, "purge", "--tag", "fees", "--soft")).output) == {"purged": 2}
    assert json.loads((await command(exam, "purge", "--url", f"/v1/permits{one.path}")).output) == {"purged": 2}
    assert json.loads((await command(exam, "purge", "--all")).output) == {"purged": 1}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["purge"], "say --all"),
        (["purge", "--all", "--tag", "x"], "say --all"),
        (["purge", "--service", "parking"], "no service is called parking"),
        (["inspect", "/v1/nowhere"], "no route"),
    ],
)
async def test_the_command_says_what_it_does_not_understand(exam: Exam, arguments: list[str], told: str) -> None:
    result = await command(exam, *arguments)
    assert result.exit_code != 0
    assert told in result.output


async def test_the_command_says_when_no_gateway_answers(exam: Exam) -> None:
    given = ["cache", "stats", "--config", str(exam.city.config), "--ops", "http://127.0.0.1:1"]
    result = await asyncio.to_thread(CliRunner().invoke, main, given)
    assert result.exit_code == 1
    assert "no gateway answers at http://127.0.0.1:1" in result.output


@pytest.mark.parametrize("name", ["stats", "inspect", "purge"])
async def test_each_command_teaches_by_example(name: str) -> None:
    result = CliRunner().invoke(main, ["cache", name, "--help"])
    assert f"gateway cache {name}" in result.output
    assert "--config" in result.output
