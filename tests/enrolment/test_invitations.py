"""Who is invited when, how often they are reminded, and that one person gets one mail."""

import pytest
from sqlalchemy import select

from portal import mail, outbox
from portal.cli import retention
from portal.extensions import db
from portal.models import Invitation, InvitationEnd, OutboxMessage, User
from portal.outbox import schedule
from portal.users import directory, enrolments, holds, invitations, status
from portal.users.invitations import NoVerification
from portal.users.status import Standing
from tests.enrolment.conftest import invite
from tests.support import factories, mail_server
from tests.support.at_once import at_once

only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
DAY = 86_400


@pytest.fixture
def place(context):
    """The one verification there is."""
    return factories.verification_configuration()


def mails():
    return db.session.scalars(
        select(OutboxMessage)
        .where(OutboxMessage.topic == invitations.MAIL)
        .order_by(OutboxMessage.created_at)
    ).all()


def arrive(**details):
    user = factories.user(**{"email": f"ada{factories.number()}@acme.example", **details})
    invitations.invite_on_arrival(user, how="scim")
    db.session.commit()
    return user


def every_invitation():
    return db.session.scalars(select(Invitation).order_by(Invitation.created_at, Invitation.id)).all()


# --- On arrival ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("place")
def test_whoever_arrives_is_invited_once_however_often_it_is_said(context):
    user = arrive()
    for how in ("scim", "okta", "scim"):
        invitations.invite_on_arrival(user, how=how)
        db.session.commit()
    assert [invitation.how for invitation in every_invitation()] == ["scim"]
    (mail,) = mails()
    assert set(mail.payload) == {"invitation_id", "kind", "mail_id"}
    assert status.of(user) is Standing.INVITED


@only_sqlite
@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("why", ["no address", "suspended", "enrolled", "erased"])
def test_whoever_cannot_use_an_invitation_gets_none(context, place, why):
    user = factories.user(email=None if why == "no address" else "ada@acme.example")
    if why == "suspended":
        holds.suspend(user, how="test")
    if why == "enrolled":
        factories.enrolment(user, place)
    if why == "erased":
        directory.erase(user, how="test")
    invitations.invite_on_arrival(user, how="scim")
    db.session.commit()
    assert (every_invitation(), mails()) == ([], [])


@only_sqlite
@pytest.mark.usefixtures("place")
@pytest.mark.settings(invite_on_arrival=False)
def test_nobody_is_invited_where_that_is_switched_off(context):
    arrive()
    assert every_invitation() == []


@only_sqlite
@pytest.mark.usefixtures("place")
@pytest.mark.settings(mail_transport="off")
def test_nobody_is_invited_by_a_mail_that_is_never_sent(context):
    arrive()
    assert (every_invitation(), mails()) == ([], [])


@only_sqlite
def test_whoever_arrives_before_it_is_clear_where_to_enrol_is_invited_later(context, clock):
    arrive()
    outbox.run_due()
    (waiting,) = db.session.scalars(select(OutboxMessage)).all()
    assert (waiting.state, "flask verification add" in waiting.last_error) == ("waiting", True)
    factories.verification_configuration()
    clock.advance(3600)
    outbox.run_due()
    assert len(every_invitation()) == 1


@only_sqlite
def test_with_several_verifications_the_setting_says_which(context):
    factories.verification_configuration()
    factories.verification_configuration()
    with pytest.raises(NoVerification, match="workforce_verification"):
        invitations.chosen_verification()


def test_of_two_who_invite_at_once_one_mail_comes(app):
    with app.app_context():
        factories.verification_configuration()
        user_id = factories.user(email="ada@acme.example").id

    def one(_number):
        with app.app_context():
            invitations.invite_on_arrival(db.session.get_one(User, user_id), how="scim")
            db.session.commit()

    at_once(6, one)
    with app.app_context():
        assert len(every_invitation()) == 1
        assert len(mails()) == 1


# --- The mail -----------------------------------------------------------------------------------------


@only_sqlite
def test_an_invitation_is_mailed_with_its_link(invited):
    with mail_server.running() as server:
        object.__setattr__(invited.app.extensions["portal.settings"], "smtp_port", server.port)
        with invited.app.app_context():
            assert outbox.run_due() == 1
    (message,) = server.taken
    text = message.get_body(("plain",)).get_content()
    assert invited.url in text
    assert invited.login not in text
    assert message["To"].startswith("Amara")
    assert invited.invitation.sent_at is not None
    assert invited.audited("enrolment:invitation:sent") == [{"kind": "invitation"}]
    (mail,) = invited.mails()
    assert (mail.state, mail.receipt) == ("done", "accepted by 127.0.0.1")


@only_sqlite
@pytest.mark.parametrize("given_name", ["evil.example/login", "http://evil.example", "a@evil.example"])
def test_a_name_that_is_an_address_is_not_greeted(app, sandbox_server, given_name):
    """Whoever may choose their name in Okta must not write links into our mail."""
    invite(app, sandbox_server, given_name=given_name)
    with mail_server.running() as server:
        object.__setattr__(app.extensions["portal.settings"], "smtp_port", server.port)
        with app.app_context():
            outbox.run_due()
    (message,) = server.taken
    assert given_name not in message.get_body(("plain",)).get_content()
    assert given_name not in message.get_body(("html",)).get_content()


@only_sqlite
@pytest.mark.parametrize(
    ("change", "receipt"),
    [
        (lambda user: invitations.revoke(user), "the invitation ended (revoked)"),
        (lambda user: holds.suspend(user, how="test"), "the person is suspended"),
        (lambda user: setattr(user, "email", None), "the person has no e-mail address"),
        (lambda user: directory.change(user, how="test", email="new@acme.example"), None),
    ],
)
def test_a_mail_that_has_lost_its_point_is_not_sent(invited, change, receipt):
    invited.change(change)
    with mail_server.running() as server:
        object.__setattr__(invited.app.extensions["portal.settings"], "smtp_port", server.port)
        with invited.app.app_context():
            outbox.run_due()
    if receipt is None:
        assert server.recipients == ["new@acme.example"]
    else:
        assert server.taken == []
        assert invited.mails()[0].receipt == f"not sent: {receipt}"


@only_sqlite
def test_a_mail_server_that_is_away_is_tried_until_it_is_back(clock, invited):
    with invited.app.app_context():
        outbox.run_due()
    (mail,) = invited.mails()
    assert (mail.state, "did not answer" in mail.last_error) == ("waiting", True)
    with mail_server.running() as server:
        object.__setattr__(invited.app.extensions["portal.settings"], "smtp_port", server.port)
        clock.advance(3600)
        with invited.app.app_context():
            outbox.run_due()
        assert len(server.taken) == 1


# --- Reminders ----------------------------------------------------------------------------------------


def remind(app):
    """Let the schedule run, as the worker does."""
    with app.app_context():
        schedule.run_now("enrolment.reminders")


def kinds(invited):
    return [mail.payload["kind"] for mail in invited.mails()]


def test_reminders_come_by_the_rule_and_stop(clock, invited):
    told = []
    for day in range(1, 60):
        clock.advance(DAY)
        remind(invited.app)
        if len(invited.mails()) > 1 + len(told):
            told.append(day)
    assert told == [3, 10, 17]
    assert kinds(invited) == ["invitation", "reminder", "reminder", "reminder"]
    # The second and the third were for links that were too old: each carried a new one.
    assert [one.ended_as for one in invited.all(Invitation)].count(InvitationEnd.SUPERSEDED) == 2
    assert len([one for one in invited.all(Invitation) if one.ended_at is None]) == 1


@only_sqlite
def test_a_reminder_of_a_link_that_is_good_repeats_it(clock, invited):
    clock.advance(3 * DAY)
    remind(invited.app)
    assert [mail.payload["invitation_id"] for mail in invited.mails()] == [invited.invitation_id] * 2
    assert invited.invitation.reminders == 1


@only_sqlite
@pytest.mark.parametrize(
    "change",
    [
        lambda user: invitations.revoke(user),
        lambda user: holds.suspend(user, how="test"),
        lambda user: directory.erase(user, how="test"),
        lambda user: enrolments.enrol_by_operator(user, invitations.chosen_verification()),
    ],
    ids=["revoked", "suspended", "erased", "enrolled"],
)
def test_nobody_is_reminded_for_nothing(clock, invited, change):
    invited.change(change)
    for _ in range(4):
        clock.advance(7 * DAY)
        remind(invited.app)
    assert kinds(invited).count("reminder") == 0


@only_sqlite
@pytest.mark.settings(invitation_reminders=0)
def test_without_reminders_there_are_none(clock, invited):
    clock.advance(30 * DAY)
    remind(invited.app)
    assert kinds(invited) == ["invitation"]


def test_two_workers_remind_once(clock, invited):
    clock.advance(3 * DAY)

    def one(_number):
        with invited.app.app_context():
            invitations.remind_due()
            db.session.commit()

    at_once(4, one)
    assert kinds(invited) == ["invitation", "reminder"]


@only_sqlite
def test_old_invitations_are_removed_and_those_to_be_renewed_are_not(clock, invited):
    clock.advance(200 * DAY)
    with invited.app.app_context():
        assert retention.prune()["invitations"] == 0
    for _ in range(4):
        remind(invited.app)
        clock.advance(8 * DAY)
    clock.advance(100 * DAY)
    with invited.app.app_context():
        retention.prune()
    assert invited.all(Invitation) == []


def test_nobody_waits_for_a_connection_that_waits_for_a_mail_server(invited, monkeypatch):
    held = []

    def deliver(_message):
        held.append(db.engine.pool.checkedout())
        return "taken"

    monkeypatch.setattr(mail, "send", deliver)
    with invited.app.app_context():
        outbox.run_due()
    assert held == [0]
    assert len(invited.audited("enrolment:invitation:sent")) == 1


# --- Where people stand -------------------------------------------------------------------------------


def test_everybody_stands_somewhere(clock, invited):
    with invited.app.app_context():
        user = db.session.get_one(User, invited.user_id)
        assert status.of(user) is Standing.INVITED
        clock.advance(8 * DAY)
        assert status.of(user) is Standing.UNENROLLED
        enrolments.enrol_by_operator(user, invited.verification_id)
        assert status.of(user) is Standing.ENROLLED
        holds.suspend(user, how="test")
        assert status.of(user) is Standing.SUSPENDED
        assert [(one.id, standing) for one, standing in status.everybody(invited.verification_id)] == [
            (user.id, Standing.SUSPENDED)
        ]
        assert list(status.everybody(only=Standing.ENROLLED)) == []
        directory.erase(user, how="test")
        assert status.of(user) is None
        assert status.by_id() == {}
