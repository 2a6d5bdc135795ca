"""The reporter is known to nobody: a hunt through all the service wrote; and a database that refuses to forget."""

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from services.complaints.photos import PhotoRoom
from services.complaints.tables import Base
from services.complaints.tickets import hash_secret, is_secret_of, new_secret, new_ticket, normalise_ticket
from services.complaints.vault import Vault, create_private, open_vault

from .conftest import DESK, DLH, DPUPR, ROAD, Laksa, photo

SUBJECT = "pairwise-pelapor-rahasia-7f3a"
NIK = "3671990101900001"


async def confidential_life(laksa: Laksa) -> list[str]:
    """Live a confidential report's life: forwarded twice, answered late, reopened, rated. Return what others saw."""
    body = await laksa.report(SUBJECT, confidential=True, category="misconduct", description=f"NIK saya {NIK}, pungli.")
    ticket = str(body["ticket"])
    await laksa.add_photo(ticket, photo(), SUBJECT)
    seen = [str(await laksa.act(ticket, "start_verification"))]
    seen.append(str(await laksa.act(ticket, "forward", agency="DPUPR")))
    seen.append(str(await laksa.act(ticket, "hand_back", DPUPR, message="Bukan kami.", suggestion="DLH")))
    seen.append(str(await laksa.act(ticket, "forward", agency="DLH")))
    laksa.issuer.now.advance(days=20)
    await laksa.watch.look()
    seen.append(str(await laksa.act(ticket, "start_work", DLH)))
    seen.append(str(await laksa.act(ticket, "follow_up", DLH, message="Sudah ditegur.")))
    await laksa.say(ticket, "reopening", SUBJECT, message="Masih terjadi.")
    await laksa.act(ticket, "start_work", DLH)
    seen.append(str(await laksa.act(ticket, "follow_up", DLH, message="Sudah dipindahkan.")))
    await laksa.say(ticket, "rating", SUBJECT, stars=4)
    for path in ("/public", "/public/map", "/balance", f"/public/{ticket}", "/desk/reports"):
        answer = await laksa.client.get(path, headers=laksa.headers("petugas-9", DESK))
        seen.append(answer.text)
    return seen


async def database_rows(laksa: Laksa) -> dict[str, str]:
    """Read every table whole."""

    def read(session: Session) -> dict[str, str]:
        return {table.name: repr(session.execute(select(table)).all()) for table in Base.metadata.sorted_tables}

    return await laksa.service.database.read(read)


def files_holding(folder: Path, *needles: str) -> list[str]:
    """Search every byte on disk, the database's own files and its log included."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path.name for path in files if any(needle.encode() in path.read_bytes() for needle in needles)]


async def test_a_confidential_reporter_is_found_nowhere_but_in_the_vault_table(laksa: Laksa) -> None:
    seen = await confidential_life(laksa)
    person = laksa.service.vault.person(SUBJECT)
    tables = await database_rows(laksa)
    assert [name for name, rows in tables.items() if person in rows] == ["identity_vault"]
    assert not [name for name, rows in tables.items() if SUBJECT in rows]
    assert files_holding(laksa.folder, SUBJECT) == []
    assert not [name for name in files_holding(laksa.folder, person) if "sqlite3" not in name]
    for text_seen in [*seen, laksa.log.getvalue()]:
        assert SUBJECT not in text_seen
        assert person not in text_seen


async def test_no_nik_ticket_or_secret_reaches_the_log(laksa: Laksa) -> None:
    await confidential_life(laksa)
    body = await laksa.report(None, description=f"NIK saya {NIK}, tolong.")
    await laksa.get(f"/reports/{body['ticket']}", **{"X-Ticket-Secret": body["secret"]})
    log = laksa.log.getvalue()
    assert '"route": "/reports/{ticket}"' in log
    assert NIK not in log
    assert body["secret"] not in log
    assert "LKS-" not in log


async def test_an_anonymous_report_of_a_signed_in_citizen_leaves_no_trace_of_the_account(laksa: Laksa) -> None:
    before = (await database_rows(laksa))["identity_vault"]
    headers = laksa.headers(SUBJECT, **{"Idempotency-Key": "k-9"})
    answer = await laksa.client.post("/reports", json={**ROAD, "anonymous": True}, headers=headers)
    ticket, secret = answer.json()["ticket"], answer.json()["secret"]
    await laksa.client.post(
        f"/reports/{ticket}/photos", content=photo(), headers=laksa.headers(SUBJECT, **{"X-Ticket-Secret": secret})
    )
    tables = await database_rows(laksa)
    assert tables["identity_vault"] == before == "[]"
    assert not [name for name, rows in tables.items() if laksa.service.vault.person(SUBJECT) in rows]
    assert not [name for name, rows in tables.items() if secret in rows]
    assert SUBJECT not in laksa.log.getvalue()


async def test_an_officers_mark_in_the_events_is_not_their_mark_as_a_citizen(laksa: Laksa) -> None:
    ticket = (await laksa.report("petugas-1"))["ticket"]
    await laksa.act(ticket, "start_verification")  # by the same human
    events = (await database_rows(laksa))["report_events"]
    assert laksa.service.vault.officer("petugas-1") in events
    assert laksa.service.vault.person("petugas-1") not in events


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM reports",
        "DELETE FROM report_events",
        "UPDATE report_events SET detail = '{}'",
    ],
)
async def test_the_database_itself_refuses_to_forget(laksa: Laksa, statement: str) -> None:
    await laksa.report()

    def forget(session: Session) -> None:
        session.execute(text(statement))

    with pytest.raises(DBAPIError, match="kept forever"):
        await laksa.service.database.write(forget)
    assert (await laksa.get("/balance"))["closes"] is True


async def test_a_hole_in_the_books_shows_in_the_balance(laksa: Laksa) -> None:
    await laksa.report()
    await laksa.report()

    def tamper(session: Session) -> None:
        session.execute(text("UPDATE reports SET state = 'SELESAI' WHERE serial = 2"))

    await laksa.service.database.write(tamper)
    balance = await laksa.get("/balance")
    assert balance["closes"] is False
    assert balance["proof"]["states_from_events_agree"] is False


async def test_the_balance_of_many_days_can_be_added_up_by_anybody(laksa: Laksa) -> None:
    for _ in range(3):
        ticket = (await laksa.report())["ticket"]
        await laksa.act(ticket, "start_verification")
        laksa.issuer.now.advance(days=1)
        await laksa.act(ticket, "forward", agency="DPUPR")
    first = await laksa.get("/balance?sort=date&limit=2")
    rest = await laksa.get(f"/balance?sort=date&limit=2&cursor={first['next']}")
    days = first["days"] + rest["days"]
    assert [day["received"] for day in days] == [1, 1, 1, 0]
    assert [day["places_at_end"]["in_process"] for day in days] == [0, 1, 2, 3]
    assert days[-1]["received_so_far"] == first["received"] == 3
    assert (await laksa.client.get("/balance?sort=size")).status_code == 400


async def test_an_upload_cut_off_by_a_crash_is_swept_at_the_next_start(laksa: Laksa) -> None:
    left = laksa.folder / "files" / "incoming" / "x"
    left.mkdir()
    (left / "original.jpg").write_bytes(photo())
    PhotoRoom(laksa.folder / "files")
    assert not left.exists()


def test_the_vaults_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    first, second = open_vault(tmp_path / "new"), open_vault(tmp_path / "new")
    assert first.person("x") == second.person("x") != first.officer("x")
    assert (tmp_path / "new" / "vault.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["vault.key"]
    assert open_vault(tmp_path / "other").person("x") != first.person("x")
    create_private(tmp_path / "new" / "vault.key", b"of a process that started at the same moment")
    assert open_vault(tmp_path / "new").person("x") == first.person("x")
    with pytest.raises(ValueError, match="32 bytes"):
        Vault(b"short")


def test_tickets_and_secrets_are_read_however_they_are_typed() -> None:
    ticket, secret = new_ticket(), new_secret()
    assert normalise_ticket(f" {ticket.lower()} ") == ticket
    assert normalise_ticket("LKS-OOOOO-IIIII") is None
    assert is_secret_of(secret.lower().replace("-", " "), hash_secret(secret))
    assert not is_secret_of(new_secret(), hash_secret(secret))


async def test_a_photo_of_any_accepted_kind_becomes_a_plain_jpeg(laksa: Laksa) -> None:
    ticket = (await laksa.report())["ticket"]
    for kind in ("PNG", "WEBP"):
        out = BytesIO()
        Image.new("RGBA", (20, 20), "purple" if kind == "PNG" else "navy").save(out, kind)
        assert (await laksa.add_photo(ticket, out.getvalue())).status_code == 201
    view = await laksa.get(f"/reports/{ticket}", "warga-1")
    assert {shown["media_type"] for shown in view["photos"]} == {"image/jpeg"}
