"""An enrolment that is given up gives no code any more, also where the code is being minted at that moment.

On PostgreSQL, with a connection for each of those who are at it: SQLite has one writer at a time.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.extensions import db
from portal.grants import codes
from portal.journey import lifecycle
from portal.models import AuthorizationGrant, Enrolment, Journey, JourneyState
from portal.oidc import clients, issuing
from portal.users import directory, enrolments
from tests.production.processes import wait_until
from tests.support import factories
from tests.support.databases import Database

pytestmark = [
    pytest.mark.parametrize("database", ["postgresql"], indirect=True),
    # Nobody waits too long here, however slow the machine.
    pytest.mark.settings(database_lock_timeout=60.0, database_statement_timeout=60.0),
]


class Scene:
    """Somebody enrolled, whose journey is verified, and others who do something about it."""

    def __init__(self, app: Flask, watch: sa.Connection) -> None:
        self.app = app
        self._watch = watch
        with app.app_context():
            stage = factories.stage(enrolled=True)
            person = db.session.get_one(factories.User, stage.user_id)
            self.user_id, self.client_id = stage.user_id, stage.client_id
            self.enrolment_id = db.session.scalars(sa.select(Enrolment.id)).one()
            journey = factories.journey(db.session.get_one(factories.Client, stage.client_id), person)
            factories.capture(journey)
            assert lifecycle.accept(journey, enrolment_id=self.enrolment_id)
            self.journey_id = journey.id
            db.session.commit()

    def give_up(self) -> None:
        """Give up whatever the person is enrolled as; the caller commits."""
        enrolments.discard_all(self.user_id, reason="operator")

    def rename(self) -> None:
        """Give the person another login; the caller commits."""
        directory.change(
            db.session.get_one(factories.User, self.user_id), how="test", login="new@acme.example"
        )

    def mint(self) -> bool:
        """Mint the journey's code, and say whether there is one."""
        waiting, client = issuing.find(self.journey_id), clients.find(self.client_id)
        assert waiting is not None
        assert client is not None
        try:
            issuing.issue(waiting, client)
        except (issuing.PersonRefused, issuing.JourneyOver):
            db.session.rollback()
            return False
        return True

    def live_codes(self) -> list[str]:
        """Return what could still be redeemed."""
        live = sa.select(AuthorizationGrant.code_digest).where(AuthorizationGrant.revoked_at.is_(None))
        with self.app.app_context():
            return list(db.session.scalars(live))

    def state(self) -> str:
        with self.app.app_context():
            return db.session.get_one(Journey, self.journey_id).state

    @contextmanager
    def meanwhile(self, action: Callable[[], Any]) -> Iterator[list[Any]]:
        """Do ``action`` on a connection of its own and commit; the block runs once it waits for a lock.

        What it returned, or raised, is in the list after the block.
        """
        got: list[Any] = []
        before = self._waiting()

        def act() -> None:
            with self.app.app_context():
                try:
                    got.append(action())
                    db.session.commit()
                except Exception as error:
                    got.append(error)
                finally:
                    db.session.remove()

        thread = threading.Thread(target=act)
        thread.start()
        try:
            wait_until(lambda: self._waiting() > before or not thread.is_alive(), "waiting for a lock")
            yield got
        finally:
            thread.join(60)
        assert not thread.is_alive()

    def _waiting(self) -> int:
        # Of this database alone: other tests wait for locks in theirs at the same time.
        waiting = (
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return int(self._watch.execute(sa.text(waiting)).scalar_one())


@pytest.fixture
def scene(app: Flask, database: Database) -> Iterator[Scene]:
    engine = sa.create_engine(database.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as watch:
        yield Scene(app, watch)
    engine.dispose()


def test_a_code_that_would_come_before_the_commit_does_not_come(scene: Scene) -> None:
    with scene.app.app_context():
        scene.give_up()
        with scene.meanwhile(scene.mint) as got:
            assert got == [], "it waits for the journey"
            db.session.commit()
    assert got == [False]
    assert scene.live_codes() == []


@pytest.mark.parametrize(
    ("first", "second"),
    [("mint", "give_up"), ("give_up", "mint"), ("mint", "rename"), ("rename", "mint")],
)
def test_whoever_is_first_at_the_journey_no_code_is_left(scene: Scene, first: str, second: str) -> None:
    """Both queue for the journey, which a third holds: what each has read by then is old.

    A code that names a former login would be as wrong as one of a face that was given up.
    """
    with scene.app.app_context():
        db.session.execute(sa.update(Journey).values(attempts=Journey.attempts))
        with scene.meanwhile(getattr(scene, first)) as one, scene.meanwhile(getattr(scene, second)) as other:
            assert (one, other) == ([], []), "both wait"
            db.session.commit()
    assert not [answer for answer in one + other if isinstance(answer, Exception)]
    assert scene.live_codes() == []


def test_a_code_that_was_there_is_revoked_and_the_journey_that_is_left_refused(scene: Scene) -> None:
    with scene.app.app_context():
        waiting = scene.mint()
        scene.give_up()
        db.session.commit()
    assert waiting
    assert (scene.live_codes(), scene.state()) == ([], JourneyState.ISSUED)


def test_a_face_that_is_verified_meanwhile_gives_no_code(scene: Scene) -> None:
    """The journey waits at the camera when the enrolment is given up, and is verified before the commit."""
    with scene.app.app_context():
        db.session.execute(sa.update(Journey).values(state="CAPTURING", verified_at=None))
        db.session.commit()

    def pass_and_mint() -> bool:
        journey = lifecycle.find(scene.journey_id)
        assert journey is not None
        if not lifecycle.accept(journey, enrolment_id=scene.enrolment_id):
            return False
        db.session.commit()
        return scene.mint()

    with scene.app.app_context():
        scene.give_up()
        with scene.meanwhile(pass_and_mint) as got:
            db.session.commit()
    assert got == [False]
    assert scene.live_codes() == []


def test_a_redemption_that_confirms_an_enrolment_is_in_nobodys_way(scene: Scene) -> None:
    """A redemption has its code before it comes to the enrolment; so must whoever gives that up."""
    with scene.app.app_context():
        assert scene.mint()
        db.session.execute(sa.update(Enrolment).values(state="provisional"))
        db.session.execute(sa.update(AuthorizationGrant).values(confirms_enrolment=scene.enrolment_id))
        db.session.commit()
    with scene.app.app_context():
        code = db.session.scalars(sa.select(AuthorizationGrant.code_digest)).one()
        grant = codes.find_by_digest(code)
        assert grant is not None
        assert codes.redeem(grant, access_token="t", access_lifetime=60)
        with scene.meanwhile(scene.give_up) as got:
            assert got == [], "it waits for the code"
            assert enrolments.confirm(scene.enrolment_id, how="sign-in")
            db.session.commit()
    assert got == [None]
    with scene.app.app_context():
        assert not enrolments.exists(scene.enrolment_id)
        assert scene.live_codes() == []
