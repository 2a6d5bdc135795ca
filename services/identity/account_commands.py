"""What an operator does to accounts from the command line: opening them, vouching for them, giving roles."""

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.identity.accounts import (
    Means,
    NewIdentifier,
    create_account,
    find_by_password,
    find_proved,
    handle_of,
    identifiers_of,
    lookup_of,
    name_of,
    prove,
    record,
    state_of,
)
from services.identity.identifiers import Handle, Kind, mask, normalise, recognise
from services.identity.machine import Happening, Proof
from services.identity.passwords import HashingRoom, check_password
from services.identity.roles import ROLE
from services.identity.tables import Account, Identifier
from services.kit.database import Database
from services.kit.problem import Refused

_BY = "command-line"


class Refusal(Exception):
    """The command cannot be done; the text says why."""


class AccountCommands:
    """Account work in the calling thread, each command one transaction."""

    def __init__(self, database: Database, means: Means) -> None:
        self._database = database
        self._means = means
        self._room = HashingRoom(means.policy, means.vault)

    def add(self, name: str, password: str, given: Mapping[str, str | None], *, tier: int, roles: Sequence[str]) -> str:
        """Open an account, or find it there already; then vouch for it and give it roles."""
        try:
            handles = [normalise(Kind(kind), text) for kind, text in given.items() if text]
            password = check_password(password, self._means.policy)
        except Refused as exc:
            raise Refusal(str(exc)) from None
        if not handles:
            raise Refusal("give at least one of --nik, --email, --phone")
        claimed = [NewIdentifier(each, self._room.verifier_now(password, each.kind, each.value)) for each in handles]

        def act(session: Session) -> str:
            account = self._existing(session, claimed)
            verb = "unchanged" if account else "added"
            account = account or create_account(session, self._means, name, claimed)
            self._vouch(session, account, tier)
            self._give(session, account, roles)
            return f"{verb} {self._line(session, account)}"

        return self._database.write_now(act)

    def grant(self, identifier: str, *, tier: int, roles: Sequence[str]) -> str:
        """Vouch for an account and give it roles."""

        def act(session: Session) -> str:
            account = self._meant(session, identifier)
            self._vouch(session, account, tier)
            self._give(session, account, roles)
            return f"granted {self._line(session, account)}"

        return self._database.write_now(act)

    def withdraw(self, identifier: str, *, roles: Sequence[str]) -> str:
        """Take roles away; the account's tokens are called back."""

        def act(session: Session) -> str:
            account = self._meant(session, identifier)
            for role in set(roles) & state_of(session, account.id).roles:
                record(session, self._means, account, Happening.ROLE_WITHDRAWN, role=role, by=_BY)
            return f"withdrawn {self._line(session, account)}"

        return self._database.write_now(act)

    def lines(self) -> Iterator[str]:
        """Describe every account, oldest first."""

        def query(session: Session) -> list[str]:
            accounts = session.scalars(select(Account).order_by(Account.created_at, Account.id)).all()
            return [self._line(session, account) for account in accounts]

        yield from self._database.read_now(query)

    def _existing(self, session: Session, claimed: Sequence[NewIdentifier]) -> Account | None:
        for new in claimed:
            if proved := find_proved(session, self._means, new.handle):
                return session.get_one(Account, proved.account_id)
            if account := find_by_password(session, self._means, new.handle, new.verifier):
                return account
        return None

    def _meant(self, session: Session, text: str) -> Account:
        try:
            handle = recognise(text)
        except Refused as exc:
            raise Refusal(str(exc)) from None
        proved = find_proved(session, self._means, handle)
        rows = [proved] if proved else self._claims(session, handle)
        if len(rows) != 1:
            raise Refusal(f"{len(rows)} accounts claim {mask(handle)}" if rows else f"no account has {mask(handle)}")
        return session.get_one(Account, rows[0].account_id)

    def _claims(self, session: Session, handle: Handle) -> list[Identifier]:
        query = select(Identifier).where(Identifier.lookup == lookup_of(self._means.vault, handle))
        return list(session.scalars(query))

    def _vouch(self, session: Session, account: Account, tier: int) -> None:
        """Take as proved what the level needs; the record says it was the command line that did."""
        if state_of(session, account.id).tier >= tier:
            return
        for row in identifiers_of(session, account.id):
            is_contact = Kind(row.kind).is_contact
            how = Proof.CODE if is_contact else Proof.IN_PERSON if tier == 4 else Proof.MATCH
            if (is_contact or tier >= 3) and row.proof != how.value:
                prove(session, self._means, account, row, how, by=_BY)
        if state_of(session, account.id).tier < tier:
            raise Refusal(f"level {tier} needs {'a NIK and ' if tier > 2 else ''}an e-mail address or phone number")

    def _give(self, session: Session, account: Account, roles: Sequence[str]) -> None:
        for role in roles:
            if not ROLE.fullmatch(role):
                raise Refusal(f"{role!r} is no role; use officer:<AGENCY>, operator:112 or admin")
            if role not in state_of(session, account.id).roles:
                record(session, self._means, account, Happening.ROLE_GRANTED, role=role, by=_BY)

    def _line(self, session: Session, account: Account) -> str:
        state = state_of(session, account.id)
        shown = ", ".join(mask(handle_of(self._means, row)) for row in identifiers_of(session, account.id))
        roles = ", ".join(sorted(state.roles)) or "-"
        name = name_of(self._means, account) or "(closed)"
        return f"{account.id}  {state.status}  acr {state.tier}  {name}  [{shown}]  roles: {roles}"
