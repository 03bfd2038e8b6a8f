"""Somebody is invited anew while Okta, SCIM or an operator gives them another login and address.

On PostgreSQL, with a connection for each of those who are at it: SQLite has one writer at a time.
"""

import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.extensions import db
from portal.models import Invitation, InvitationEnd, User
from portal.users import directory, invitations, renewal
from tests.support import factories
from tests.support.databases import Database
from tests.support.moving_clock import MovingClock
from tests.users.test_giving_up_at_once import Scene

pytestmark = [
    pytest.mark.parametrize("database", ["postgresql"], indirect=True),
    # Nobody waits too long here, however slow the machine.
    pytest.mark.settings(database_lock_timeout=60.0, database_statement_timeout=60.0),
]


class Invited(Scene):
    """Somebody invited and not enrolled, and others who do something about it."""

    def __init__(self, app: Flask, watch: sa.Connection) -> None:
        super().__init__(app, watch)
        with app.app_context():
            self.user_id = factories.user(login="amara@acme.example", email="amara@acme.example").id
            self.first = invitations.invite(self._user(), how="operator").id
            db.session.commit()

    def _user(self) -> User:
        return db.session.get_one(User, self.user_id)

    def ask(self) -> renewal.Outcome:
        """Ask for a new link; the caller commits."""
        return renewal.renew(db.session.get_one(Invitation, self.first), proof=True)

    def remind(self) -> int:
        """Send the reminders that are due; the caller commits."""
        return invitations.remind_due()

    def move(self) -> list[str]:
        """Give the person another login and address; the caller commits."""
        new = "amara.new@acme.example"
        return directory.change(self._user(), how="test", login=new, email=new)

    def open(self) -> list[Invitation]:
        with self.app.app_context():
            return list(db.session.scalars(sa.select(Invitation).where(Invitation.ended_at.is_(None))))


@pytest.fixture
def invited(app: Flask, database: Database) -> Iterator[Invited]:
    engine = sa.create_engine(database.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as watch:
        yield Invited(app, watch)
    engine.dispose()


@pytest.mark.parametrize("other", ["ask", "remind"])
@pytest.mark.parametrize("other_first", [True, False])
def test_neither_waits_for_the_other_for_ever(
    invited: Invited, clock: MovingClock, other: str, other_first: bool
) -> None:
    """Both queue for the invitation, which a third holds."""
    if other == "remind":
        # Its time is just over: the reminder puts another in its place.
        clock.advance(7 * 86_400 + 60)
    actions = [getattr(invited, other), invited.move]
    with invited.app.app_context():
        db.session.execute(sa.update(Invitation).values(reminders=Invitation.reminders))
        first, second = actions if other_first else reversed(actions)
        with invited.meanwhile(first) as one, invited.meanwhile(second) as two:
            assert (one, two) == ([], []), "both wait"
            db.session.commit()
    assert not [answer for answer in one + two if isinstance(answer, Exception)]
    assert len(invited.open()) == 1


@pytest.mark.parametrize("statement", [1, 2, 3, 4, 5])
def test_a_link_that_is_taken_back_while_it_is_used_does_not_use_the_one_for_the_new_address(
    invited: Invited, statement: int
) -> None:
    """The address changes just before any of the statements of using a link that another has replaced."""
    with invited.app.app_context():
        assert invited.ask() == renewal.Outcome.SENT
        db.session.commit()
    seen, this_thread = 0, threading.get_ident()

    def moves(*_arguments: object) -> None:
        nonlocal seen
        if threading.get_ident() != this_thread:
            return
        seen += 1
        if seen == statement:
            with invited.meanwhile(invited.move) as moved:
                pass
            assert not isinstance(moved[0], Exception)

    with invited.app.app_context():
        begun = db.session.get_one(Invitation, invited.first)
        assert begun.ended_as == InvitationEnd.SUPERSEDED
        sa.event.listen(db.engine, "before_cursor_execute", moves)
        try:
            used = invitations.use(begun)
        finally:
            sa.event.remove(db.engine, "before_cursor_execute", moves)
        db.session.commit()
    assert not used or seen < statement
