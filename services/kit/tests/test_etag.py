import pytest

from services.kit.etag import etag_of
from services.kit.testing import problem_code

from .conftest import Notebook

TAG = etag_of("thing", 7)


def test_different_parts_give_different_tags() -> None:
    assert etag_of("ab", "c") != etag_of("a", "bc")
    assert etag_of(1) == etag_of(1)


@pytest.mark.parametrize("header", [TAG, f"W/{TAG}", f'"x", {TAG}', "*"])
async def test_what_the_client_has_is_not_sent_again(notebook: Notebook, header: str) -> None:
    answer = await notebook.client.get("/thing", headers={"If-None-Match": header})
    assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", TAG)


async def test_another_version_is_sent_whole(notebook: Notebook) -> None:
    answer = await notebook.client.get("/thing", headers={"If-None-Match": '"old"'})
    assert (answer.json(), answer.headers["ETag"]) == ({"version": 7}, TAG)


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"If-Match": TAG}, 200), ({"If-Match": "*"}, 200), ({"If-Match": f"W/{TAG}"}, 412), ({}, 428)],
)
async def test_a_change_needs_the_present_version(notebook: Notebook, headers: dict[str, str], status: int) -> None:
    answer = await notebook.client.put("/thing", headers=headers)
    assert answer.status_code == status
    if status >= 400:
        assert problem_code(answer).startswith("precondition-")
