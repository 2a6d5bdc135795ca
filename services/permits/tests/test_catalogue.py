"""What the public catalogue promises, and what its file may not say."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from services.permits.catalogue import DEFAULT_CATALOGUE, load_catalogue
from services.permits.tests.conftest import City


async def test_the_catalogue_is_public_cacheable_and_not_sent_twice(city: City) -> None:
    answer = await city.client.get("/types")
    assert len(answer.json()["items"]) >= 12
    assert "public" in answer.headers["Cache-Control"]
    again = await city.client.get("/types", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


async def test_every_type_says_its_promise_fee_law_and_documents_with_source(city: City) -> None:
    for item in (await city.client.get("/types")).json()["items"]:
        shown = (await city.client.get(f"/types/{item['code']}")).json()
        facts = [shown["promise"], shown["fee"], shown["validity"], *shown["legal_basis"], *shown["documents"]]
        assert len(facts) > 4
        for fact in facts:
            assert fact["source"]
            # Nothing unverified passes for law.
            assert fact["verified"] or fact["note"]["id"] == "Data contoh, belum diperiksa."


async def test_an_unknown_type_does_not_exist(city: City) -> None:
    assert (await city.client.get("/types/imb")).status_code == 404


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("source: sop-1109", "source: hearsay"),
        ("code: slf", "code: pbg"),
        ('{gratis: "yes", source: recalled', '{gratis: "no", source: recalled'),
        ("working_days: 12", "working_hours: 3, working_days: 12"),
        ("{field: floor_area_m2, rupiah_per_unit: 40000}", "{field: address, rupiah_per_unit: 40000}"),
        ("working_days: 12", "working_days: soon"),
        ("office: DPMPTSP", "office: DPMPTSP\nsecret: x"),
    ],
)
def test_a_catalogue_that_contradicts_itself_is_refused(tmp_path: Path, old: str, new: str) -> None:
    text = DEFAULT_CATALOGUE.read_text()
    assert old in text
    path = tmp_path / "catalogue.yaml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ValidationError):
        load_catalogue(path)
