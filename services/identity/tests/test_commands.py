"""The command line: what it does to accounts and keys, and how it says no."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from services.identity.commands import run_command
from services.identity.tests.conftest import settings_in

Run = Callable[..., tuple[int, str, str]]
BUDI = ("--name", "Budi Santoso", "--password", "sebuah-rahasia", "--nik", "3671990101900001", "--email", "budi@b.test")


@pytest.fixture
def run(tmp_path: Path, database_url: str, capsys: pytest.CaptureFixture[str]) -> Run:
    settings = settings_in(tmp_path, database_url)
    where = ["--database-url", settings.database_url, "--data-dir", str(settings.data_dir)]

    def command(*argv: str) -> tuple[int, str, str]:
        code = run_command([*argv, *where])
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def test_accounts_are_added_once_vouched_for_and_listed_masked(run: Run) -> None:
    first = run("accounts", "add", *BUDI, "--acr", "3", "--role", "officer:DPMPTSP")
    again = run("accounts", "add", *BUDI, "--acr", "3", "--role", "officer:DPMPTSP")
    assert (first[0], again[0]) == (0, 0)
    assert first[1].removeprefix("added") == again[1].removeprefix("unchanged")
    _, listed, _ = run("accounts", "list")
    assert listed.count("\n") == 1
    assert "acr 3" in listed
    assert "officer:DPMPTSP" in listed
    assert "3671990101900001" not in listed


def test_grants_and_withdrawals(run: Run) -> None:
    run("accounts", "add", *BUDI)
    assert "acr 1" in run("accounts", "list")[1]
    assert "acr 2" in run("accounts", "grant", "--identifier", "budi@b.test", "--acr", "2", "--role", "admin")[1]
    assert "acr 4" in run("accounts", "grant", "--identifier", "3671990101900001", "--acr", "4")[1]
    assert "roles: -" in run("accounts", "withdraw", "--identifier", "budi@b.test", "--role", "admin")[1]


def test_the_password_may_come_from_standard_input(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("sebuah-rahasia\n"))
    assert run("accounts", "add", "--name", "A", "--password", "-", "--email", "a@b.test")[0] == 0
    assert run("accounts", "add", *BUDI[:4], "--email", "a@b.test")[1].startswith("unchanged")


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["add", "--name", "A", "--password", "sebuah-rahasia"], "at least one of"),
        (["add", "--name", "A", "--password", "pendek", "--email", "a@b.test"], "at least 8"),
        (["add", "--name", "A", "--password", "sebuah-rahasia", "--nik", "1"], "16 digits"),
        (["add", "--name", "A", "--password", "sebuah-rahasia", "--email", "a@b.test", "--acr", "3"], "needs a NIK"),
        (["add", "--name", "A", "--password", "sebuah-rahasia", "--email", "a@b.test", "--role", "x"], "no role"),
        (["grant", "--identifier", "tidak@ada.test", "--acr", "2"], "no account has t•••@ada.test"),
        (["grant", "--identifier", "???"], "Give a NIK"),
    ],
)
def test_what_cannot_be_done_is_explained(run: Run, argv: list[str], reason: str) -> None:
    code, _, error = run("accounts", *argv)
    assert code == 1
    assert reason in error


def test_a_claim_by_several_accounts_is_not_guessed_at(run: Run) -> None:
    for n in range(2):
        run("accounts", "add", "--name", "A", "--password", f"sandi-nomor-{n}", "--email", "a@b.test")
    code, _, error = run("accounts", "grant", "--identifier", "a@b.test", "--acr", "2")
    assert (code, "2 accounts claim" in error) == (1, True)


def test_keys_are_rotated_listed_and_withdrawn(run: Run) -> None:
    first = run("keys", "list")[1].split()[0]
    assert run("keys", "rotate", "--lead-seconds", "0")[0] == 0
    listed = run("keys", "list")[1]
    assert listed.count("\n") == 2
    assert f"{first}  published" in listed
    assert run("keys", "withdraw", first)[0] == 0
    assert first not in run("keys", "list")[1]
    code, _, error = run("keys", "withdraw", "tidak-ada")
    assert (code, "no signing key" in error) == (1, True)


def test_many_accounts_are_opened_at_once_and_a_line_that_tells_none_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    budi = '{"name": "Budi", "password": "sebuah-rahasia", "email": "budi@b.test", "acr": 2, "roles": ["admin"]}'
    monkeypatch.setattr("sys.stdin", io.StringIO(f'{budi}\n{budi}\n{{"name": "Siti"}}\n'))
    status, told, errors = run("accounts", "import")
    assert [line.split()[0] for line in told.splitlines()] == ["added", "unchanged"]
    assert "roles: admin" in told
    assert status == 1
    assert "line 3 tells no account" in errors
