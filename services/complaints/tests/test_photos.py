"""Photos: only pixels are shown and kept, by whom they may be, bounded, once."""

from io import BytesIO

import pytest
from PIL import Image

from services.kit.testing import problem_code

from .conftest import Laksa, photo


async def test_a_photo_is_shown_without_its_metadata_and_the_original_is_gone(laksa: Laksa) -> None:
    ticket = (await laksa.report())["ticket"]
    added = await laksa.add_photo(ticket, photo())
    assert added.status_code == 201, added.text
    (shown,) = added.json()["photos"]
    answer = await laksa.client.get(shown["href"], headers=laksa.headers())
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-content-type-options"] == "nosniff"
    with Image.open(BytesIO(answer.content)) as image:
        assert not image.getexif()
    stored = [path for path in laksa.folder.rglob("*") if path.is_file()]
    assert not [path for path in stored if b"SECRETPHONE" in path.read_bytes()]
    unchanged = {**laksa.headers(), "If-None-Match": answer.headers["etag"]}
    assert (await laksa.client.get(shown["href"], headers=unchanged)).status_code == 304


async def test_an_anonymous_reporter_adds_photos_with_the_secret(laksa: Laksa) -> None:
    body = await laksa.report(None)
    headers = {"X-Ticket-Secret": body["secret"]}
    answer = await laksa.client.post(f"/reports/{body['ticket']}/photos", files={"file": photo()}, headers=headers)
    assert answer.status_code == 201
    picture = await laksa.client.get(answer.json()["photos"][0]["href"], headers=headers)
    assert picture.status_code == 200


@pytest.mark.parametrize("sub", ["warga-2", None])
async def test_a_stranger_adds_no_photo_and_leaves_no_file(laksa: Laksa, sub: str | None) -> None:
    ticket = (await laksa.report())["ticket"]
    headers = laksa.headers(sub) if sub else {}
    answer = await laksa.client.post(f"/reports/{ticket}/photos", content=photo(), headers=headers)
    assert answer.status_code == (404 if sub else 401)
    assert not [path for path in (laksa.folder / "files" / "photos").rglob("*") if path.is_file()]


@pytest.mark.parametrize(("content", "status"), [(b"%PDF-1.7", 415), (b"\xff\xd8\xff broken", 422), (b"", 415)])
async def test_what_is_no_picture_is_refused(laksa: Laksa, content: bytes, status: int) -> None:
    ticket = (await laksa.report())["ticket"]
    assert (await laksa.add_photo(ticket, content)).status_code == status


async def test_the_same_photo_is_kept_once_and_there_is_a_bound(laksa: Laksa) -> None:
    ticket = (await laksa.report())["ticket"]
    for number in range(12):
        assert (await laksa.add_photo(ticket, photo(f"rgb({number * 20},0,0)"))).status_code == 201
    again = await laksa.add_photo(ticket, photo("rgb(0,0,0)"))
    assert len(again.json()["photos"]) == 12
    assert problem_code(await laksa.add_photo(ticket, photo("white"))) == "too-many-photos"


@pytest.mark.parametrize("number", ["2", "0", "x", "9999", "-1"])
async def test_a_photo_that_is_not_there_is_a_404(laksa: Laksa, number: str) -> None:
    ticket = (await laksa.report())["ticket"]
    await laksa.add_photo(ticket, photo())
    answer = await laksa.client.get(f"/reports/{ticket}/photos/{number}", headers=laksa.headers())
    assert problem_code(answer) == "not-found"
