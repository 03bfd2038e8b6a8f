"""Every link that is not good gets its page, and an altered one says nothing about anybody."""

import pytest

from portal.enrolment import links
from portal.extensions import db
from portal.models import Invitation, User, VerificationConfiguration
from portal.users import directory, enrolments, holds, invitations
from portal.verifications import registry
from portal.web import filters
from tests.support import portal_app

only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
pytestmark = only_sqlite


def opened(invited, url=None):
    person = invited.person()
    person.open(url or invited.url)
    return person.page


@pytest.mark.parametrize(
    "alter",
    [
        lambda link: link[:-2],
        # The last letter ends with two bits that say nothing: what is put there differs in the others.
        lambda link: link[:-1] + ("A" if link[-1] != "A" else "E"),
        lambda link: "x" + link,
        lambda link: "",
        lambda link: "a" * 5000,
        lambda link: "%00",
        lambda link: "%C3%A9",
        lambda link: link.partition(".")[0],
    ],
)
def test_an_altered_link_tells_nothing(invited, alter):
    address, _, link = invited.url.partition("?link=")
    page = opened(invited, f"{address}?link={alter(link)}")
    assert (page.status, page.heading) == (400, "This link doesn’t work")
    assert invited.login not in page.text
    assert invited.audited("enrolment:invitation:refused") == []


def test_a_link_signed_for_something_else_is_refused(invited):
    """A step's link carries a journey's id under another salt."""
    person = invited.at_capture()
    _, _, link = person.page.url.partition("?link=")
    assert opened(invited, f"{invited.url.partition('?')[0]}?link={link}").status == 400


def test_the_link_survives_a_new_secret_key_as_long_as_the_old_one_is_kept(database, invited):
    old = invited.app.extensions["portal.settings"].secret_key
    newer = portal_app.make_app(database, secret_key=["a-newer-secret-key-of-the-tests-only", *old])
    answer = newer.test_client().get(invited.url.removeprefix("https://portal.test"))
    assert answer.status_code == 200
    portal_app.close(newer)


def test_an_invitation_that_is_too_old_says_so(clock, invited):
    clock.advance(604_801)
    page = opened(invited)
    assert (page.status, page.heading) == (410, "This invitation is too old")
    assert "Reference" in page.text
    assert invited.audited("enrolment:invitation:refused") == [{"reason": "expired"}]


def test_an_invitation_that_was_taken_back_says_so(invited):
    assert invited.change(invitations.revoke) == 1
    assert opened(invited).heading == "This invitation was taken back"


def test_an_old_link_names_the_newer_mail(clock, invited):
    clock.advance(604_801)
    invited.change(lambda user: invitations.invite(user, how="operator"))
    assert opened(invited).heading == "There is a newer invitation"


def test_somebody_suspended_is_told_that_it_is_switched_off(invited):
    invited.change(lambda user: holds.suspend(user, how="test"))
    page = opened(invited)
    assert (page.status, page.heading) == (403, "This can’t be set up right now")
    assert invited.login not in page.text


def test_somebody_erased_is_not_spoken_of(invited):
    invited.change(lambda user: directory.erase(user, how="test"))
    page = opened(invited)
    assert (page.status, page.heading) == (400, "This link doesn’t work")
    assert invited.all(Invitation) == []


def test_a_used_invitation_of_somebody_given_up_since_does_not_enrol_again(invited):
    from_the_mail = invited.url
    invited.enrol()
    invited.change(lambda user: enrolments.discard_all(user.id, reason="operator"))
    page = opened(invited, from_the_mail)
    assert (page.status, page.heading) == (410, "This invitation has been used")


def test_a_removed_verification_is_not_ready(invited):
    with invited.app.app_context():
        registry.remove(db.session.get_one(VerificationConfiguration, invited.verification_id))
        db.session.commit()
    assert opened(invited).heading == "Setting up isn’t possible yet"


@pytest.mark.settings(enrolment_link_alone=False)
def test_without_a_sign_in_the_link_alone_is_not_enough_unless_the_operator_says_so(invited):
    page = opened(invited)
    assert (page.status, page.heading) == (403, "Setting up isn’t possible yet")
    posted = invited.app.test_client().post(invited.url.removeprefix("https://portal.test"))
    assert posted.status_code == 400
    assert invited.journeys() == []


def test_a_button_pressed_after_the_invitation_ended_does_nothing(invited):
    person = invited.arrived()
    invited.change(invitations.revoke)
    person.press("Continue")
    assert person.page.heading == "This invitation was taken back"
    assert invited.journeys() == []


@pytest.mark.parametrize(
    "login", ["b@<b>acme.example", "名前@acme.example", "محمد@acme.example", "O'Neil & Söhne"]
)
def test_an_account_in_every_script_is_shown_masked_and_escaped(invited, login):
    invited.change(lambda user: setattr(user, "login", login))
    page = opened(invited)
    assert page.status == 200
    assert login not in page.text
    assert filters.masked(login) in page.text


def test_the_same_invitation_always_has_the_same_link(invited):
    with invited.app.app_context():
        user = db.session.get_one(User, invited.user_id)
        again = invitations.invite(user, how="operator", again=True)
        db.session.commit()
        assert links.url_of(again) == invited.url
