"""Several accounts fight over the same few identifiers; whatever they do, the books stay true."""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.identity.accounts import (
    Means,
    NewIdentifier,
    claim,
    close,
    create_account,
    find_by_password,
    identifiers_of,
    lookup_of,
    prove,
    record,
    remove,
    state_of,
)
from services.identity.identifiers import Handle, Kind
from services.identity.machine import Happening, Proof, Status
from services.identity.sessions import open_session
from services.identity.tables import Account, AccountEvent, Base, Identifier, Revocation
from services.identity.tests.conftest import CHEAP
from services.identity.vault import Vault
from services.kit.database import Database, open_engine
from services.kit.problem import Problem
from services.kit.testing import ManualNow

HANDLES = [Handle(Kind.NIK, "3671990101900001"), Handle(Kind.EMAIL, "a@b.test"), Handle(Kind.PHONE, "+6281234567801")]

Act = Callable[[Session, Account], None]


@settings(max_examples=20, stateful_step_count=20, deadline=None)
class Rivals(RuleBasedStateMachine):
    """Random deeds of three accounts, on a real database, with a clock that also goes back."""

    @initialize()
    def found(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        engine = open_engine(f"sqlite:///{Path(self.folder.name)}/rivals.sqlite3")
        Base.metadata.create_all(engine)
        self.database, self.now = Database(engine), ManualNow()
        self.means = Means(self.now, Vault(b"k" * 32), CHEAP)

        def begin(session: Session) -> list[str]:
            accounts = [create_account(session, self.means, f"Warga {n}", []) for n in range(3)]
            for account in accounts:
                open_session(session, self.means, account, "HP")
            return [account.id for account in accounts]

        self.accounts = self.database.write_now(begin)

    def do(self, who: int, act: Act) -> None:
        with suppress(Problem):  # refused whole: nothing of it may stay
            self.database.write_now(lambda session: act(session, session.get_one(Account, self.accounts[who])))

    def row(self, session: Session, account: Account, handle: Handle) -> Identifier | None:
        lookup = lookup_of(self.means.vault, handle)
        return next((row for row in identifiers_of(session, account.id) if row.lookup == lookup), None)

    @rule(who=st.integers(0, 2), handle=st.sampled_from(HANDLES))
    def claims(self, who: int, handle: Handle) -> None:
        def act(session: Session, account: Account) -> None:
            if self.row(session, account, handle) is None:
                claim(session, self.means, account, NewIdentifier(handle, f"password of {who}"))

        self.do(who, act)

    @rule(who=st.integers(0, 2), handle=st.sampled_from(HANDLES), how=st.sampled_from(Proof))
    def proves(self, who: int, handle: Handle, how: Proof) -> None:
        def act(session: Session, account: Account) -> None:
            if row := self.row(session, account, handle):
                prove(session, self.means, account, row, how)

        self.do(who, act)

    @rule(who=st.integers(0, 2), handle=st.sampled_from(HANDLES))
    def releases(self, who: int, handle: Handle) -> None:
        def act(session: Session, account: Account) -> None:
            if row := self.row(session, account, handle):
                remove(session, self.means, account, row, Happening.RELEASED)

        self.do(who, act)

    @rule(who=st.integers(0, 2), what=st.sampled_from([Happening.BLOCKED, Happening.UNBLOCKED]))
    def is_blocked_or_not(self, who: int, what: Happening) -> None:
        def act(session: Session, account: Account) -> None:
            record(session, self.means, account, what)

        self.do(who, act)

    @rule(who=st.integers(0, 2))
    def leaves(self, who: int) -> None:
        self.do(who, lambda session, account: close(session, self.means, account))

    @rule(seconds=st.integers(-100, 100))
    def clock_moves(self, seconds: int) -> None:
        self.now.advance(seconds=seconds)

    @invariant()
    def books_are_true(self) -> None:
        if hasattr(self, "accounts"):
            self.database.read_now(self.check)

    def check(self, session: Session) -> None:
        for account_id in self.accounts:
            state = state_of(session, account_id)
            rows = {row.id: (row.kind, row.proof) for row in identifiers_of(session, account_id)}
            assert rows == {name: (claim.kind, claim.proof) for name, claim in state.claims.items()}
            query = select(AccountEvent).where(AccountEvent.account_id == account_id).order_by(AccountEvent.position)
            events = session.scalars(query).all()
            assert [event.position for event in events] == list(range(1, len(events) + 1))
            assert [event.at for event in events] == sorted(event.at for event in events)
            assert (session.get_one(Account, account_id).sealed_name is None) == (state.status is Status.CLOSED)
        for handle in HANDLES:
            self.check_handle(session, handle)
        positions = session.scalars(select(Revocation.position)).all()
        assert len(positions) == len(set(positions))

    def check_handle(self, session: Session, handle: Handle) -> None:
        lookup = lookup_of(self.means.vault, handle)
        claims = session.scalars(select(Identifier).where(Identifier.lookup == lookup)).all()
        proved = [row for row in claims if row.proof]
        assert len(proved) <= 1
        assert all(row.proved_lookup == (row.lookup if row.proof else None) for row in claims)
        for row in claims:
            # Everyone who still claims it gets into their own account with their own password.
            found = find_by_password(session, self.means, handle, row.verifier)
            assert found is not None
            assert found.id == row.account_id

    def teardown(self) -> None:
        if hasattr(self, "accounts"):
            self.database.engine.dispose()
            self.folder.cleanup()


TestRivals = Rivals.TestCase
