"""Somebody whose link is good no more asks for another one: a mail to them, and no word to anybody else."""

import re

import pytest

from portal import outbox
from portal.extensions import db
from portal.models import Invitation
from portal.users import directory, enrolments, holds, invitations, renewal
from tests.enrolment.conftest import connect, invite
from tests.support import mail_server, portal_app
from tests.support.at_once import at_once

only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
DAY, WEEK = 86_400, 604_801
BUTTON = "Send me a new link"


def asked(invited, url=None):
    """Return what somebody reads who opened the link when it was still to be opened, and asks now."""
    person = invited.person()
    person.open(url or invited.url)
    person.press(BUTTON)
    return person.page


def outcomes(invited):
    return [told["outcome"] for told in invited.audited("enrolment:invitation:asked")]


def newest(invited):
    return invited.all(Invitation, ended_at=None)


def test_an_invitation_that_is_too_old_is_renewed(clock, invited):
    clock.advance(WEEK)
    page = asked(invited)
    assert (page.status, page.heading) == (200, "Look in your mail")
    (fresh,) = newest(invited)
    assert (fresh.how, invited.invitation.ended_as) == ("person", "superseded")
    assert (outcomes(invited), fresh.id != invited.invitation_id) == (["sent"], True)
    assert fresh.id in [mail.payload["invitation_id"] for mail in invited.mails()]


@only_sqlite
def test_reminders_go_on_from_where_they_stood(clock, invited, app):
    with app.app_context():
        invitation = db.session.get_one(Invitation, invited.invitation_id)
        invitation.reminders, invitation.next_reminder_at = 3, None
        db.session.commit()
    clock.advance(WEEK)
    asked(invited)
    (fresh,) = newest(invited)
    assert (fresh.reminders, fresh.next_reminder_at) == (3, None)


def erased(user):
    directory.erase(user, how="test")


def without_address(user):
    user.email = user.email_key = None


CHANGES = {
    "suspended": lambda user: holds.suspend(user, how="test"),
    "revoked": invitations.revoke,
    "enrolled": lambda user: enrolments.enrol_by_operator(user, invitations.chosen_verification()),
    "impossible": without_address,
    None: erased,
}


@only_sqlite
@pytest.mark.parametrize("outcome", CHANGES)
def test_who_may_not_be_invited_gets_no_mail_and_the_same_answer(clock, invited, outcome):
    """The page was open while something changed: nobody learns what by pressing its button."""
    clock.advance(WEEK)
    person = invited.person()
    person.open(invited.url)
    before = len(invited.mails())
    invited.change(CHANGES[outcome])
    person.press(BUTTON)
    assert (person.page.status, person.page.heading) == (200, "Look in your mail")
    assert len(invited.mails()) <= before
    assert outcomes(invited) == ([outcome] if outcome else [])
    assert not [one for one in newest(invited) if one.how == renewal.HOW]


@only_sqlite
def test_a_link_that_is_not_ours_gets_the_same_answer(clock, invited):
    clock.advance(WEEK)
    client = invited.app.test_client()
    page = client.get(invited.url.removeprefix("https://portal.test")).text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)[1]
    for link in ("", "x" * 70):
        answer = client.post(f"/enrol/new-link?link={link}", data={"csrf_token": token})
        assert (answer.status_code, answer.headers["Location"]) == (303, "/enrol/new-link")
    assert (newest(invited)[0].id, outcomes(invited)) == (invited.invitation_id, [])


def test_one_person_gets_three_a_day_whoever_asks_and_however_many_at_once(clock, invited, app):
    clock.advance(WEEK)

    def ask(_number):
        with app.app_context():
            found = db.session.get_one(Invitation, invited.invitation_id)
            outcome = renewal.renew(found, proof=False)
            db.session.commit()
            return outcome

    at_once(3, ask)
    for _ in range(4):
        asked(invited)
    made = invited.all(Invitation, how=renewal.HOW)
    assert len(made) == renewal.MOST_A_DAY
    assert outcomes(invited)[-1] == "too_many"
    clock.advance(DAY + 1)
    asked(invited)
    assert outcomes(invited)[-1] == "sent"


@only_sqlite
@pytest.mark.settings(rate_limit_new_link="2 per hour")
def test_one_address_may_ask_so_often(clock, invited):
    clock.advance(WEEK)
    assert [asked(invited).status for _ in range(3)] == [200, 200, 429]


@only_sqlite
def test_somebody_enrolled_before_is_let_in_again_only_where_okta_vouches_for_them(app, invited, okta):
    """A mailbox alone is not enough for a face that an operator took away."""
    invited.enrol()
    invited.change(lambda user: enrolments.discard_all(user.id, reason="operator"))
    person = invited.person()
    person.open(invited.url)
    assert BUTTON not in person.page.text
    with app.app_context():
        used = db.session.get_one(Invitation, invited.invitation_id)
        assert renewal.renew(used, proof=False) is renewal.Outcome.UNPROVEN
    connect(app, okta)
    assert asked(invited).heading == "Look in your mail"
    assert outcomes(invited) == ["sent"]


@only_sqlite
def test_so_is_somebody_whose_face_came_by_another_way_than_an_invitation(app, clock, invited):
    verification = newest(invited)[0].verification_id
    invited.change(lambda user: enrolments.enrol_by_operator(user, verification))
    invited.change(lambda user: enrolments.discard_all(user.id, reason="operator"))
    clock.advance(WEEK)
    with app.app_context():
        late = db.session.get_one(Invitation, invited.invitation_id)
        assert renewal.renew(late, proof=False) is renewal.Outcome.UNPROVEN


@only_sqlite
@pytest.mark.settings(enrolment_link_alone=False)
def test_where_nobody_can_enrol_by_a_link_none_is_offered(clock, invited):
    clock.advance(WEEK)
    person = invited.person()
    person.open(invited.url)
    assert person.page.heading == "This invitation is too old"
    assert BUTTON not in person.page.text


@only_sqlite
def test_the_mail_goes_to_the_address_on_record_and_its_link_enrols(clock, database, sandbox_server):
    with mail_server.running() as server:
        app = portal_app.make_app(database, smtp_port=server.port)
        invited = invite(app, sandbox_server)
        clock.advance(WEEK)
        asked(invited)
        with app.app_context():
            outbox.run_due()
        (message,) = server.taken
        person = invited.person()
        person.open(re.search(r"https://portal.test/enrol\S+", message.get_body(("plain",)).get_content())[0])
        person.press("Continue")
        invited.enrol(person)
        assert server.recipients == [invited.change(lambda user: user.email)]
        assert person.page.heading == "You’re all set"
        assert invited.enrolment.state == "confirmed"
        portal_app.close(app)
