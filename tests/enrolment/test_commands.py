"""What operators type: invite, copy a link, see how far people are, take an invitation back, try the mail."""

import pytest

from portal import clock as portal_clock
from portal.cli import network_checks
from portal.extensions import db
from portal.models import Invitation, ScimGroup, ScimMember, User
from portal.users import holds, invitations
from tests.cli.commands import document, done, refused, run
from tests.support import factories, mail_server

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def people(app):
    """Ada and Bo have an address, Cy has none, Di is suspended; one verification."""
    with app.app_context():
        factories.verification_configuration()
        for name in ("ada", "bo", "di"):
            factories.user(f"{name}@acme.example", email=f"{name}@acme.example")
        factories.user("cy")
        holds.suspend(db.session.query(User).filter_by(login="di@acme.example").one(), how="test")
        db.session.commit()


def states(runner):
    return {row["login"]: row["state"] for row in document(runner, "user", "enrolments")}


@pytest.mark.usefixtures("people")
def test_people_are_invited_by_name(runner):
    said = done(runner, "user", "invite", "ada@acme.example", "bo@acme.example")
    assert "Invited ada@acme.example; the mail is on its way." in said
    assert "2 invited, 0 left alone." in said
    assert states(runner) == {
        "ada@acme.example": "invited",
        "bo@acme.example": "invited",
        "cy": "unenrolled",
        "di@acme.example": "suspended",
    }


@pytest.mark.usefixtures("people")
def test_whoever_is_invited_already_is_left_alone_unless_it_is_sent_once_more(app, runner):
    done(runner, "user", "invite", "ada@acme.example")
    assert "is invited already" in done(runner, "user", "invite", "ada@acme.example")
    done(runner, "user", "invite", "ada@acme.example", "--resend")
    with app.app_context():
        assert db.session.query(Invitation).count() == 1
    assert document(runner, "outbox", "list")[0]["topic"] == invitations.MAIL


@pytest.mark.usefixtures("people")
def test_everybody_who_can_be_is_invited_at_once(runner):
    results = document(runner, "user", "invite", "--all-unenrolled")
    assert {row["login"]: row["invited"] for row in results} == {
        "ada@acme.example": True,
        "bo@acme.example": True,
        "cy": False,
    }
    assert "no e-mail address" in next(row["reason"] for row in results if row["login"] == "cy")


@pytest.mark.usefixtures("people")
def test_a_link_can_be_copied_and_stays_the_same(app, runner, client):
    first = done(runner, "user", "invite", "cy", "--link").strip()
    assert first.startswith("https://portal.test/enrol?link=")
    assert done(runner, "user", "invite", "cy", "--link").strip() == first
    assert client.get(first.removeprefix("https://portal.test")).status_code == 200
    assert document(runner, "outbox", "list") == []


@pytest.mark.usefixtures("people")
def test_a_group_that_scim_pushed_is_invited(app, runner):
    with app.app_context():
        now = portal_clock.now()
        db.session.add(
            ScimGroup(
                id="g1",
                display_name="Factor",
                display_key="factor",
                version=1,
                created_at=now,
                updated_at=now,
            )
        )
        bo = db.session.query(User).filter_by(login="bo@acme.example").one()
        db.session.flush()
        db.session.add(ScimMember(group_id="g1", member=bo.id, user_id=bo.id))
        db.session.add(ScimMember(group_id="g1", member="00unobody", user_id=None))
        db.session.commit()
    assert [row["login"] for row in document(runner, "user", "invite", "--group", "FACTOR")] == [
        "bo@acme.example"
    ]
    assert "There is no group Nobodies" in refused(runner, "user", "invite", "--group", "Nobodies")


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("arguments", [(), ("ada@acme.example", "--all-unenrolled")])
def test_it_has_to_be_said_who_is_invited(runner, arguments):
    assert "--all-unenrolled" in refused(runner, "user", "invite", *arguments)


def test_without_a_verification_nobody_is_invited(runner):
    assert "flask verification add" in refused(runner, "user", "invite", "--all-unenrolled")


@pytest.mark.usefixtures("people")
@pytest.mark.settings(enrolment_link_alone=False)
def test_an_invitation_that_nobody_could_use_is_not_sent(runner):
    assert "enrolment_link_alone" in refused(runner, "user", "invite", "ada@acme.example")


@pytest.mark.usefixtures("people")
@pytest.mark.settings(mail_transport="off")
def test_without_mail_links_are_handed_over(runner):
    assert "--link" in refused(runner, "user", "invite", "ada@acme.example")
    assert done(runner, "user", "invite", "ada@acme.example", "--link").startswith("https://")


@pytest.mark.usefixtures("people")
def test_an_invitation_is_taken_back(runner):
    done(runner, "user", "invite", "ada@acme.example")
    assert done(runner, "user", "invitation", "revoke", "ada@acme.example").startswith("Took the invitation")
    assert "no open invitation" in done(runner, "user", "invitation", "revoke", "ada@acme.example")
    assert states(runner)["ada@acme.example"] == "unenrolled"


@pytest.mark.usefixtures("people")
def test_people_are_listed_by_how_far_they_are(runner):
    done(runner, "user", "invite", "ada@acme.example")
    said = done(runner, "user", "enrolments", "--state", "invited")
    assert ("ada@acme.example" in said, "bo@acme.example" in said) == (True, False)
    assert "Nobody is enrolled." in done(runner, "user", "enrolments", "--state", "enrolled")
    assert document(runner, "user", "show", "ada@acme.example")["enrolment"] == "invited"
    listed = {row["login"]: row["enrolment"] for row in document(runner, "user", "list")}
    assert listed["di@acme.example"] == "suspended"


@pytest.mark.usefixtures("people")
def test_many_are_invited_with_a_word_on_how_far_it_is(app, runner):
    with app.app_context():
        for number in range(250):
            factories.user(f"many{number}@acme.example", email=f"many{number}@acme.example")
    result = run(runner, "user", "invite", "--all-unenrolled")
    assert result.exit_code == 0
    assert "200 of 253" in result.stderr
    assert "252 invited, 1 left alone." in result.stdout


def test_a_test_mail_says_what_became_of_it(app, runner):
    assert "did not answer" in refused(runner, "mail", "test", "ada@acme.example")
    with mail_server.running() as server:
        object.__setattr__(app.extensions["portal.settings"], "smtp_port", server.port)
        assert "accepted by 127.0.0.1" in done(runner, "mail", "test", "ada@acme.example")
    assert server.recipients == ["ada@acme.example"]
    assert "not one that mail can go to" in refused(runner, "mail", "test", "nobody")


def findings(runner, *more):
    return run(runner, "doctor", "--json", *more).stdout


def test_the_doctor_speaks_of_mail_and_enrolment(app, runner, monkeypatch):
    # The portal of this test has no address of its own that could be called.
    monkeypatch.setattr(network_checks, "own_address", lambda: iter(()))
    said = findings(runner, "--offline")
    assert "can enrol their own face" in said
    assert "goes out by smtp" in said
    with mail_server.running() as server:
        object.__setattr__(app.extensions["portal.settings"], "smtp_port", server.port)
        assert "127.0.0.1 answers" in findings(runner)
    assert "did not answer" in findings(runner)


@pytest.mark.settings(mail_transport="off", enrolment_link_alone=False)
def test_the_doctor_says_what_is_off(runner):
    said = findings(runner, "--offline")
    assert "links that an operator hands over" in said
    assert "nobody can enrol by invitation" in said
