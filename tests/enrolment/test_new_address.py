"""The link of an invitation is good for whoever reads the address on record, and no more at a former one."""

from dataclasses import replace

import pytest

from portal.enrolment import links
from portal.extensions import db, settings
from portal.models import Invitation, InvitationEnd
from portal.users import directory, holds, invitations, renewal
from tests.enrolment.test_flow import work_off

only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
NEW = "amara.new@acme.example"


def moved(invited, email=NEW, **others):
    """Give the person another address, as Okta, SCIM or an operator does."""
    return invited.change(lambda user: directory.change(user, how="okta", email=email, **others))


def still_open(invited):
    return invited.all(Invitation, ended_at=None)


def mailed(invited):
    return [mail.payload.get("invitation_id") for mail in invited.mails()]


def test_the_link_at_the_former_address_enrols_nobody_and_the_new_address_gets_another(invited):
    begun = invited.at_capture()
    moved(invited)
    assert invited.invitation.ended_as == InvitationEnd.REVOKED
    (fresh,) = still_open(invited)
    assert mailed(invited) == [invited.invitation_id, fresh.id]
    assert fresh.how == "okta"
    invited.enrol(begun)
    assert begun.page.heading != "You’re all set"
    assert invited.journeys()[0].refusal == "invitation_over"
    assert invited.arrived().page.status == 410
    assert invited.enrolment is None or invited.enrolment.confirmed_at is None
    with invited.app.test_request_context():
        invited.url = links.url_of(fresh)
    work_off(invited.app)  # the face of whoever began is deleted
    assert invited.enrol().page.heading == "You’re all set"


@only_sqlite
@pytest.mark.parametrize(
    "change",
    [
        lambda user: directory.change(user, how="okta", email=user.email.upper(), family_name="Diallo"),
        lambda user: directory.change(user, how="okta", login="amara.new@acme.example"),
    ],
    ids=["the same address", "a login alone"],
)
def test_who_reads_the_same_mailbox_keeps_the_link(invited, change):
    invited.change(change)
    assert [each.id for each in still_open(invited)] == [invited.invitation_id]
    assert mailed(invited) == [invited.invitation_id]


@only_sqlite
def test_a_first_address_takes_nothing_back(invited):
    """A link that was handed over went to no address."""
    moved(invited, None)
    handed = invited.change(lambda user: invitations.invite(user, how="operator", mail=False).id)
    moved(invited)
    assert [each.id for each in still_open(invited)] == [handed]


@only_sqlite
def test_whoever_has_no_address_any_more_has_no_link_either(invited):
    moved(invited, None)
    assert (still_open(invited), mailed(invited)) == ([], [invited.invitation_id])


@only_sqlite
def test_whoever_is_held_back_is_reminded_at_the_new_address_once_they_are_not(invited, clock):
    invited.change(lambda user: holds.suspend(user, how="test"))
    moved(invited)
    work_off(invited.app)
    assert invited.audited("enrolment:invitation:sent") == []
    invited.change(lambda user: holds.resume(user, how="test"))
    clock.advance(4 * 86_400)
    with invited.app.app_context():
        assert invitations.remind_due() == 1
        db.session.commit()
    (fresh,) = still_open(invited)
    assert mailed(invited)[-1] == fresh.id != invited.invitation_id


@only_sqlite
def test_an_old_invitation_is_left_to_its_reminder(invited, clock):
    clock.advance(8 * 86_400)
    moved(invited)
    assert [each.id for each in still_open(invited)] == [invited.invitation_id]
    assert mailed(invited) == [invited.invitation_id]


@only_sqlite
def test_reminders_are_counted_on(invited):
    def reminded(user):
        invitations.open_for(user.id, invited.verification_id).reminders = 2
        directory.change(user, how="scim", email=NEW)

    invited.change(reminded)
    assert [each.reminders for each in still_open(invited)] == [2]


@only_sqlite
def test_where_mail_is_off_a_link_that_was_handed_over_stays_good(invited, monkeypatch):
    with invited.app.app_context():
        off = replace(settings(), mail_transport="off")
    monkeypatch.setattr(invitations, "settings", lambda: off)
    moved(invited)
    assert [each.id for each in still_open(invited)] == [invited.invitation_id]


def renewed(invited):
    """Ask for a new link by the first one, as whoever holds it can."""
    asked = invited.get(Invitation, id=invited.invitation_id)
    outcome = invited.change(lambda _user: renewal.renew(asked, proof=False))
    assert outcome == renewal.Outcome.SENT
    assert invited.invitation.ended_as == InvitationEnd.SUPERSEDED


def test_a_link_that_another_replaced_before_the_address_changed_does_not_use_the_newest(invited):
    begun = invited.at_capture()
    renewed(invited)
    moved(invited)
    (fresh,) = still_open(invited)
    invited.enrol(begun)
    assert begun.page.heading != "You’re all set"
    assert invited.journeys()[0].refusal == "invitation_over"
    assert [each.id for each in still_open(invited)] == [fresh.id]


@only_sqlite
def test_nor_after_an_operator_took_the_one_between_back_and_invited_anew(invited):
    begun = invited.at_capture()
    renewed(invited)
    assert invited.change(invitations.revoke) == 1
    invited.change(lambda user: invitations.invite(user, how="operator"))
    invited.enrol(begun)
    assert begun.page.heading != "You’re all set"
    assert invited.journeys()[0].refusal == "invitation_over"


@only_sqlite
def test_what_was_taken_back_long_ago_does_not_count_against_what_came_later(invited, clock):
    assert invited.change(invitations.revoke) == 1
    clock.advance(60)
    invited.change(lambda user: invitations.invite(user, how="operator"))
    (later,) = still_open(invited)
    with invited.app.test_request_context():
        invited.invitation_id, invited.url = later.id, links.url_of(later)
    clock.advance(60)
    begun = invited.at_capture()
    renewed(invited)
    assert invited.enrol(begun).page.heading == "You’re all set"


@only_sqlite
def test_whoever_began_in_the_last_minute_does_not_finish_after_the_address_changed(invited, clock):
    with invited.app.app_context():
        lifetime = settings().invitation_lifetime
    clock.advance(lifetime - 60)
    begun = invited.at_capture()
    clock.advance(120)
    moved(invited)
    invited.enrol(begun)
    assert begun.page.heading != "You’re all set"
    assert invited.journeys()[0].refusal == "invitation_over"
