import io
import json
import logging
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import BaseModel
from starlette.requests import Request

from services.kit import openapi
from services.kit.indonesia import check_nik, mask_name, mask_nik, normalise_phone, rupiah
from services.kit.inputs import read_query
from services.kit.logs import forward_standard_logging, make_logger, redact
from services.kit.places import KECAMATAN, distance_m, is_in_city, nearest_kecamatan
from services.kit.problem import Problem, Refused
from services.kit.settings import Option, from_args


@pytest.mark.parametrize(
    "nik",
    [
        "3671990101900001",
        "3671 9901 0190 0001",
        "3671994101900001",  # a woman born on the first
        "9671990101900001",  # first registered in Papua Barat Daya
        "5471990101900001",  # first registered in Timor Timur
        "3671993102900001",  # 31 February: the clerk's error, yet her number for life
    ],
)
def test_odd_honest_niks_are_accepted(nik: str) -> None:
    assert check_nik(nik) == nik.replace(" ", "")


@pytest.mark.parametrize(
    "nik",
    [
        "",
        "367199010190000",
        "36719901019000011",
        "0071990101900001",
        "3671990001900001",
        "3671993201900001",
        "3671994001900001",
        "3671997201900001",
        "3671990113900001",
        "3671990100900001",
        "3671990101900000",
        "３671990101900001",
    ],
)
def test_what_cannot_be_a_nik_is_refused(nik: str) -> None:
    with pytest.raises(Refused):
        check_nik(nik)


@pytest.mark.parametrize("text", ["0812-3456-7890", "62 812 3456 7890", "+62812 34567890", "(0812) 3456.7890"])
def test_phone_numbers_become_e164(text: str) -> None:
    assert normalise_phone(text) == "+6281234567890"


@pytest.mark.parametrize("text", ["", "112", "0812345", "080123456789", "+1 812 3456 7890", "0812٣456789"])
def test_what_is_no_mobile_number_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        normalise_phone(text)


@given(st.text(max_size=30))
def test_checks_answer_any_text_with_a_value_or_a_refusal(text: str) -> None:
    for check in (check_nik, normalise_phone):
        with suppress(Refused):
            assert check(text).lstrip("+").isdigit()


def test_money_and_names_are_written_the_indonesian_way() -> None:
    assert (rupiah(1_250_000), rupiah(0), rupiah(-5_000)) == ("Rp1.250.000", "Rp0", "-Rp5.000")
    assert mask_name("Budi  Santoso") == "B*** S******"
    assert mask_nik("3671990101900001") == "3671••••••••0001"


def test_each_kecamatan_is_nearest_to_its_own_centroid_and_in_the_city() -> None:
    assert len(KECAMATAN) == 13
    for place in KECAMATAN:
        assert nearest_kecamatan(place.lat, place.lon) is place
        assert is_in_city(place.lat, place.lon)
    assert not is_in_city(-6.9, 107.6)
    assert distance_m(-6.189, 106.641, -6.198, 106.575) == pytest.approx(7_364, rel=0.01)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("NIK 3671990101900001 ditolak", "NIK [nik] ditolak"),
        ("3671 9901 0190 0001", "[nik]"),
        ("hub 0812-3456-7890 atau +6281234567890", "hub [phone] atau [phone]"),
        ("budi.s@example.co.id", "[e-mail]"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer [token]"),
        ("eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.", "[token]"),
        ("0af7651916cd43dd8448eb211c80319c", "0af7651916cd43dd8448eb211c80319c"),
        ("2026-11-24T14:05:21.123456Z", "2026-11-24T14:05:21.123456Z"),
    ],
)
def test_personal_data_is_cut_out_of_texts(text: str, kept: str) -> None:
    assert redact(text) == kept


def test_a_log_line_is_json_without_secrets_at_any_depth() -> None:
    out = io.StringIO()
    make_logger("notes", out).info(
        "halo 3671990101900001",
        password="x1y2",
        nested={"Set-Cookie": "x1y2", "list": ["081234567890", 3671990101900001, 5, None, 1.5, True]},
    )
    line = json.loads(out.getvalue())
    assert (line["event"], line["service"], line["level"]) == ("halo [nik]", "notes", "info")
    assert line["password"] == "[redacted]"
    assert line["nested"] == {"Set-Cookie": "[redacted]", "list": ["[phone]", "[nik]", 5, None, 1.5, True]}


def test_other_libraries_lines_are_redacted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    forward_standard_logging(make_logger("notes", out))
    logging.getLogger("somewhere").warning("lost %s", "budi@example.test")
    logging.getLogger("somewhere").info("chatter")
    lines = out.getvalue().splitlines()
    assert len(lines) == 1
    assert json.loads(lines[0])["event"] == "lost [e-mail]"


def test_settings_come_from_flags_over_environment_over_defaults() -> None:
    environ = {"PERMITS_PORT": "8300", "PERMITS_HOST": "0.0.0.0", "GATEWAY_ISSUER": "https://g.test"}  # noqa: S104 - a value, not a bind
    extra = [Option("bank-url", "http://bank", "where payments are made")]
    settings = from_args("permits", 8102, ["--port", "0"], extra=extra, environ=environ)
    assert (settings.port, settings.host, settings.gateway_issuer) == (0, "0.0.0.0", "https://g.test")  # noqa: S104 - a value
    assert settings.database_url == "sqlite:///./permits.sqlite3"
    assert settings.extra == {"bank-url": "http://bank"}
    assert settings.data_dir == Path("permits-files")


@pytest.mark.parametrize("argv", [["--port", "x"], ["--port", "70000"], ["--unknown"]])
def test_a_wrong_flag_is_explained(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        from_args("permits", 8102, argv, environ={})
    assert ended.value.code == 2
    assert "usage: python -m services.permits" in capsys.readouterr().err


def test_help_teaches_every_flag_and_variable(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        from_args("permits", 8102, ["--help"], environ={})
    told = capsys.readouterr().out
    for word in ("--database-url", "PERMITS_DATABASE_URL", "GATEWAY_JWKS_URL", "8102", "Example:"):
        assert word in told


class Where(BaseModel):
    lat: float
    lon: float
    near: bool = False


def query(text: str) -> Where:
    return read_query(Request({"type": "http", "path": "/", "headers": [], "query_string": text.encode()}), Where)


def test_a_query_string_is_read_into_a_model_or_400() -> None:
    assert query("lat=-6.1&lon=106.6&near=true") == Where(lat=-6.1, lon=106.6, near=True)
    for wrong in ("lat=x&lon=1", "lat=1", "lat=1&lon=2&zoom=3"):
        with pytest.raises(Problem) as caught:
            query(wrong)
        assert caught.value.status == 400


def test_a_document_of_the_pieces_is_valid_openapi() -> None:
    note: dict[str, Any] = {"type": "object", "properties": {"word": {"type": "string"}}}
    page = openapi.json_answer("A page", openapi.page_schema(openapi.ref("Note")), {"items": [], "next": None})
    listed = openapi.operation(
        "listNotes", "List", security=openapi.ANYONE, parameters=openapi.paging(["word"], "word"),
        responses={"200": page, **openapi.problems(400, 401)},
    )  # fmt: skip
    headers = {"Location": {"schema": {"type": "string"}}}
    created = openapi.json_answer("Created", openapi.ref("Note"), {"word": "a"}, headers)
    create = openapi.operation(
        "createNote", "Create", security=openapi.SIGNED_IN, tags=["notes"],
        parameters=[openapi.IDEMPOTENCY_KEY, openapi.IF_MATCH],
        body=openapi.json_body(openapi.ref("Note"), {"word": "a"}),
        responses={"201": created, **openapi.problems(401, 409, 422)},
    )  # fmt: skip
    show = openapi.operation(
        "showNote", "Show", security=openapi.ANYONE,
        parameters=[openapi.parameter("id", "path", {"type": "integer"}, "Which note")],
        responses={"200": created, **openapi.problems(404)},
    )  # fmt: skip
    paths = {"/notes": {"get": listed, "post": create}, "/notes/{id}": {"get": show}}
    document = openapi.document(title="Notes", description="Notes", paths=paths, schemas={"Note": note})
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
