"""A mail that was not sent because somebody was held back is sent when they are back."""

import pytest
from flask import Flask

from portal import outbox
from portal.extensions import db, settings
from portal.models import HoldReason, Invitation, User
from portal.users import directory, holds
from tests.enrolment.conftest import Invited
from tests.support import mail_server
from tests.support.mail_server import MailServer
from tests.support.moving_clock import MovingClock


@pytest.fixture
def server(app: Flask):
    with mail_server.running() as running:
        object.__setattr__(app.extensions["portal.settings"], "smtp_port", running.port)
        yield running


def work(app: Flask) -> None:
    with app.app_context():
        outbox.run_due()


def suspend(user: User) -> None:
    holds.suspend(user, how="test")


def resume(user: User) -> None:
    holds.resume(user, how="test")


def test_they_are_mailed_at_once_when_they_are_back(app: Flask, invited: Invited, server: MailServer) -> None:
    invited.change(suspend)
    work(app)
    assert server.taken == []
    invited.change(resume)
    work(app)
    assert len(server.taken) == 1
    assert invited.invitation.sent_at is not None


def test_who_is_still_held_back_for_another_reason_is_not(
    app: Flask, invited: Invited, server: MailServer
) -> None:
    invited.change(suspend)
    invited.change(lambda user: holds.hold(user, HoldReason.SCIM_INACTIVE, how="test"))
    work(app)
    invited.change(resume)
    work(app)
    assert server.taken == []


def test_who_has_the_mail_already_gets_no_other(app: Flask, invited: Invited, server: MailServer) -> None:
    work(app)
    for _ in range(2):
        invited.change(suspend)
        invited.change(resume)
    work(app)
    assert len(server.taken) == 1


def test_back_before_the_mail_went_out_is_one_mail(app: Flask, invited: Invited, server: MailServer) -> None:
    for _ in range(2):
        invited.change(suspend)
        invited.change(resume)
    work(app)
    assert len(server.taken) == 1


def test_back_after_the_links_time_is_another_link(
    app: Flask, clock: MovingClock, invited: Invited, server: MailServer
) -> None:
    invited.change(suspend)
    work(app)
    with app.app_context():
        clock.advance(settings().invitation_lifetime + 1)
    invited.change(resume)
    work(app)
    assert len(server.taken) == 1
    former, fresh = sorted(invited.all(Invitation), key=lambda each: each.created_at)
    assert (former.ended_as, fresh.ended_at) == ("superseded", None)
    assert fresh.reminders == former.reminders


def test_whoever_is_erased_meanwhile_is_not_mailed(app: Flask, invited: Invited, server: MailServer) -> None:
    invited.change(suspend)
    work(app)
    invited.change(resume)
    invited.change(lambda user: directory.erase(user, how="test"))
    work(app)
    assert server.taken == []
    with app.app_context():
        assert db.session.get_one(User, invited.user_id).email is None
