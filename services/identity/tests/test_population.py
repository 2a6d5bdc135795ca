"""The population register answers whether data match, and nothing else."""

from datetime import date
from pathlib import Path

import httpx
import pytest
import yaml

from services.identity.population import (
    EXAMPLE_PEOPLE,
    ExampleRegister,
    HttpRegister,
    Particulars,
    open_register,
    same_name,
)
from services.kit.indonesia import check_nik
from services.kit.problem import Problem

BUDI = Particulars("3671990101900001", "Budi Santoso", date(1990, 1, 1), "3671992006150001")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Muhammad Nur'aini", "MUHAMMAD NURAINI", True),
        ("Dr. Budi Santoso", "dr budi  santoso", True),
        ("Budi Santoso", "Budi", False),
        ("Budi Santoso", "Santoso Budi", False),
        ("Ümit", "ümit", True),
    ],
)
def test_names_are_compared_as_people_write_them(one: str, other: str, same: bool) -> None:
    assert same_name(one, other) is same


def test_example_people_are_labelled_and_nobody_real() -> None:
    document = yaml.safe_load(EXAMPLE_PEOPLE.read_text(encoding="utf-8"))
    assert document["verified"] is False
    for person in document["people"]:
        assert check_nik(person["nik"]).startswith("367199")
        assert person["family_card"].startswith("367199")


def test_a_real_district_in_the_example_file_is_refused(tmp_path: Path) -> None:
    people = [{"nik": "3671010101900001", "name": "A", "birth_date": "1990-01-01", "family_card": "3671990101900001"}]
    file = tmp_path / "people.yaml"
    file.write_text(yaml.safe_dump({"source": "x", "verified": False, "people": people}))
    with pytest.raises(ValueError, match="nik"):
        ExampleRegister(file)


async def test_the_http_register_is_asked_in_the_body_and_answers_yes_or_no() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"result": "SESUAI" if len(asked) == 1 else "TIDAK SESUAI"})

    register = HttpRegister("https://dukcapil.test/match", "kunci", transport=httpx.MockTransport(answer))
    assert [await register.matches(BUDI) for _ in range(2)] == [True, False]
    assert BUDI.nik not in str(asked[0].url)
    assert asked[0].headers["authorization"] == "Bearer kunci"
    await register.close()


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500),
        httpx.Response(200, text="x"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"result": "?"}),
    ],
)
async def test_a_register_that_cannot_be_understood_is_unavailable_not_a_no(answer: httpx.Response) -> None:
    register = HttpRegister("https://dukcapil.test/match", "", transport=httpx.MockTransport(lambda _: answer))
    with pytest.raises(Problem) as caught:
        await register.matches(BUDI)
    assert (caught.value.status, caught.value.code) == (503, "population-register-unavailable")
    await register.close()


def test_a_register_is_named_by_url() -> None:
    assert isinstance(open_register("example:", ""), ExampleRegister)
    assert isinstance(open_register("https://dukcapil.test", ""), HttpRegister)
    with pytest.raises(ValueError, match="no population register"):
        open_register("ftp://x", "")


def test_particulars_never_show_themselves() -> None:
    assert BUDI.nik not in repr(BUDI)
