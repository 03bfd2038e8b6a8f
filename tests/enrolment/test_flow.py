"""From the link in the mail to a face that counts."""

from urllib.parse import urlsplit

import pytest
from werkzeug.test import Client

from portal.models import EnrolmentState, InvitationEnd, JourneyState
from portal.outbox import run_due
from portal.users import directory, enrolments, holds, invitations

only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def work_off(app):
    with app.app_context():
        while run_due():
            pass


def test_an_invited_person_enrols(invited):
    person = invited.arrived()
    assert person.page.heading == "Set up your face check"
    assert "Acme asks you" in person.page.text
    assert invited.login not in person.page.text

    person.press("Continue")
    assert "Acme asks for a short camera check" in person.page.text
    assert "Not now" in person.page.text
    person.press("Start camera check")
    person.press()

    assert person.page.heading == "You’re all set"
    assert invited.enrolment.state == EnrolmentState.CONFIRMED
    assert invited.invitation.ended_as == InvitationEnd.USED
    (journey,) = invited.journeys()
    assert (journey.state, journey.consent_version is not None) == (JourneyState.ENROLLED, True)
    assert invited.audited("users:enrolment:confirmed")[0]["how"] == "invitation"
    assert invited.audited("enrolment:invitation:begun") == [{"signed_in": False}]


def test_the_end_may_be_reloaded(invited):
    person = invited.enrol()
    person.reload()
    assert (person.page.status, person.page.heading) == (200, "You’re all set")
    assert len(invited.audited("users:enrolment:confirmed")) == 1


def test_a_link_that_was_used_says_so_and_does_nothing(invited):
    invited.enrol()
    person = invited.arrived()
    assert person.page.heading == "Your face check is set up already"
    assert invited.audited("enrolment:invitation:refused") == [{"reason": "enrolled"}]


@only_sqlite
def test_looking_uses_nothing_up(invited):
    """Mail scanners open links, by GET and by HEAD, again and again and from everywhere."""
    for method in ("GET", "HEAD", "GET", "HEAD"):
        client = Client(invited.app)
        answer = client.open(urlsplit(invited.url)._replace(scheme="", netloc="").geturl(), method=method)
        assert answer.status_code == 200
        assert client.get_cookie("__Host-portal-browser") is None
    assert invited.journeys() == []
    assert (invited.invitation.begun_at, invited.invitation.ended_at) == (None, None)
    assert invited.enrol().page.heading == "You’re all set"


@only_sqlite
def test_the_link_opened_three_times_begins_three_times_and_one_wins(invited):
    people = [invited.at_capture() for _ in range(3)]
    invited.enrol(people[1])
    assert people[1].page.heading == "You’re all set"
    people[0].press("Start camera check")
    people[0].press()
    assert people[0].page.heading == "Your face check is set up already"
    assert invited.enrolment.state == EnrolmentState.CONFIRMED
    assert len(invited.audited("users:enrolment:confirmed")) == 1
    assert [journey.state for journey in invited.journeys()].count("ENROLLED") == 1


@only_sqlite
def test_two_tabs_of_one_browser_share_the_enrolment(invited):
    first = invited.arrived()
    second = invited.person()
    second._client = first._client
    second.open(invited.url)
    first.press("Continue")
    second.press("Continue")
    invited.enrol(second)
    assert second.page.heading == "You’re all set"
    first.reload()
    first.press("Start camera check")
    first.press()
    assert first.page.heading == "Your face check is set up already"


@only_sqlite
def test_a_camera_that_failed_locks_nobody_out(invited):
    person = invited.at_capture()
    for _ in range(3):
        invited.sandbox.next_session(outcome="liveness_fails")
        person.press()
    assert person.page.heading == "That didn’t work this time"
    person.follow("Stop for now")
    assert person.page.heading == "Nothing was set up"
    assert invited.invitation.ended_at is None
    person.follow("Start again now")
    person.press("Continue")
    assert invited.enrol(person).page.heading == "You’re all set"


@only_sqlite
def test_not_now_leaves_the_invitation_good(invited):
    person = invited.at_capture()
    person.press("Not now")
    assert person.page.heading == "Nothing was set up"
    person.reload()
    assert person.page.heading == "Nothing was set up"
    assert invited.enrol(invited.at_capture()).page.heading == "You’re all set"


@only_sqlite
def test_whoever_leaves_at_the_camera_leaves_no_identifier_with_a_face_behind(invited, clock):
    """VerifEye may have stored the face by then, and not theirs: nobody is to be matched with it."""
    person = invited.at_capture()
    page = person.page.url
    person.press("Start camera check")
    given = invited.enrolment.external_id
    person.open(page)
    person.press("Not now")
    assert invited.journeys()[0].state == JourneyState.CANCELLED
    work_off(invited.app)
    assert invited.enrolment.external_id == given, "whoever begins again at once meets their own face"
    clock.advance(3600)
    work_off(invited.app)
    assert invited.enrolment is None


def test_somebody_suspended_half_way_is_not_enrolled(invited):
    person = invited.at_capture()
    invited.change(lambda user: holds.suspend(user, how="test"))
    person.reload()
    assert person.page.heading == "This can’t be set up right now"
    assert invited.arrived().page.heading == "This can’t be set up right now"
    assert not enrolments.is_confirmed(invited.enrolment)
    invited.change(lambda user: holds.resume(user, how="test"))
    assert invited.enrol(invited.at_capture()).page.heading == "You’re all set"


def test_a_face_shown_after_the_erasure_does_not_stay_at_verifeye(clock, invited):
    person = invited.at_capture()
    person.press("Start camera check")
    invited.change(lambda user: directory.erase(user, how="test"))
    work_off(invited.app)
    person.press()
    assert person.page.heading == "This step is already done"
    assert len(invited.sandbox.state()["faces"]) == 1, "VerifEye stored it after it was asked to delete it"
    clock.advance(900 + 600)
    work_off(invited.app)
    assert invited.sandbox.state()["faces"] == []


def test_an_invitation_taken_back_at_the_camera_enrols_nobody(invited):
    person = invited.at_capture()
    person.press("Start camera check")
    invited.change(invitations.revoke)
    person.press()
    assert person.page.heading == "This invitation was taken back"
    assert invited.enrolment is None
    assert invited.journeys()[0].refusal == "invitation_over"


@only_sqlite
def test_whoever_began_in_time_may_finish(clock, invited):
    clock.advance(604_800 - 60)
    person = invited.at_capture()
    clock.advance(120)
    assert invited.arrived().page.heading == "This invitation is too old"
    assert invited.enrol(person).page.heading == "You’re all set"


@only_sqlite
def test_a_try_that_ran_out_of_time_can_be_begun_anew(clock, invited):
    person = invited.at_capture()
    clock.advance(901)
    person.reload()
    assert (person.page.status, person.page.heading) == (410, "This try has run out of time")
    assert invited.enrol(invited.at_capture()).page.heading == "You’re all set"


@only_sqlite
def test_verifeye_away_loses_nothing(invited):
    person = invited.at_capture()
    invited.sandbox.next_answers(operation="signature/create", status=503, times=5)
    person.press("Start camera check")
    assert (person.page.status, person.page.heading) == (503, "The camera check isn’t available right now")
    assert invited.invitation.ended_at is None


@only_sqlite
def test_another_browser_is_told_where_to_carry_on(invited):
    person = invited.at_capture()
    other = invited.person()
    other.open(person.page.url)
    assert other.page.heading == "Carry on in the browser you started with"
    assert "link in the mail" in other.page.text


@only_sqlite
def test_a_first_face_that_is_not_accepted_is_not_compared_with_one_that_nobody_has(invited):
    """With unique matching VerifEye refuses a face that is enrolled for another account."""
    person = invited.at_capture()
    person.press("Start camera check")
    person.press(outcome="face_fails")
    assert person.page.heading == "Try the camera check again"
    assert "We couldn’t set up your face" in person.page.text
    assert "the face we know" not in person.page.text


@only_sqlite
def test_the_page_knows_to_the_second_how_long_it_is_good_and_leads_back_to_the_mail(clock, invited):
    person = invited.at_capture()
    clock.advance(900 - 40)
    person.reload()
    box = person.page.document.find(".//*[@id='expiry']")
    assert box is not None
    assert box.get("data-expires-in") == "40"
    assert box.get("data-over", "").endswith("Open the link in the mail and start again.")
