"""Finding the one person whom a hint names, and keeping records of people."""

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import select

from portal.extensions import db
from portal.grants import codes
from portal.models import AuditEvent, Journey, User, UserStatus
from portal.users import directory, holds
from tests.support import factories


@pytest.fixture
def amara(context):
    return factories.user(
        "Amara.Okafor@acme.example",
        email="Amara@mail.example",
        given_name="Amara",
        family_name="Okafor",
        okta_id="00uAbC123",
    )


@pytest.mark.parametrize(
    "hint",
    [
        "Amara.Okafor@acme.example",
        "amara.okafor@ACME.example",
        "  amara.okafor@acme.example\n",
        "amara@MAIL.example",
        "00uAbC123",
        "ａmara.okafor@acme.example",
    ],
    ids=["as written", "capitals", "outer spaces", "e-mail", "Okta id", "wide letters"],
)
def test_a_login_an_address_and_an_okta_id_name_the_person(amara, hint):
    assert directory.resolve(hint).id == amara.id


@pytest.mark.parametrize(
    "hint",
    [
        None, "", "   ", "nobody@acme.example", "00uabc123", "amara", "%", "amara.okafor@acme.example'--",
        "amara.okafor@acme.example\x00", "am\nara.okafor@acme.example", "x" * 400, "\ud800", "\u202eamara",
    ],
)  # fmt: skip
def test_anything_else_names_nobody(amara, hint):
    assert directory.resolve(hint) is None


def test_an_address_that_two_people_share_names_neither(context):
    factories.user("one@acme.example", email="team@acme.example")
    factories.user("two@acme.example", email="team@acme.example")
    assert directory.resolve("team@acme.example") is None


def test_a_login_wins_over_somebody_elses_address(context):
    named = factories.user("shared@acme.example")
    factories.user("other@acme.example", email="shared@acme.example")
    assert directory.resolve("shared@acme.example").id == named.id


@pytest.mark.parametrize("okta_id", [None, "00uOwner"])
def test_whose_login_it_is_does_not_depend_on_who_has_an_okta_id(context, okta_id):
    for number in range(4):
        directory.add(f"other{number}", email="shared@acme.example", okta_id=f"00uOther{number}", how="test")
    directory.add("without", email="shared@acme.example", how="test")
    owner = directory.add("shared@acme.example", okta_id=okta_id, how="test")
    assert directory.resolve("shared@acme.example").id == owner.id


def test_a_suspended_person_is_found_and_an_erased_one_is_not(amara):
    holds.suspend(amara, how="test")
    assert directory.resolve(amara.login).status == UserStatus.SUSPENDED
    directory.erase(amara, how="test")
    assert directory.resolve("amara.okafor@acme.example") is None
    assert directory.resolve("amara@mail.example") is None
    assert directory.resolve("00uAbC123") is None


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hint=st.text(max_size=330))
def test_no_text_breaks_the_look_up(context, hint):
    directory.resolve(hint)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(login=st.text(min_size=1, max_size=320))
def test_whoever_could_be_added_is_found_under_the_login(context, login):
    try:
        added = directory.add(login, how="test")
    except (ValueError, directory.UserExists):
        return
    assert directory.resolve(login).id == added.id
    db.session.rollback()


@pytest.mark.parametrize("login", ["", "  ", "x" * 321, "a\x00b", "a\nb", "a\u202eb", "a\ud800"])
def test_a_login_that_could_not_be_shown_or_compared_is_refused(context, login):
    with pytest.raises(ValueError, match="1 to 320 characters"):
        directory.add(login, how="test")


@pytest.mark.parametrize(
    "changes", [{"login": "AMARA.okafor@acme.example"}, {"okta_id": "00uAbC123"}], ids=["login", "Okta id"]
)
def test_nobody_is_added_twice(amara, changes):
    with pytest.raises(directory.UserExists):
        directory.add(**{"login": "new@acme.example", "how": "test"} | changes)


def test_suspending_and_resuming_are_told_once_each(amara):
    for change in (holds.suspend, holds.suspend, holds.resume, holds.resume):
        change(amara, how="test")
    events = [event.event for event in db.session.scalars(select(AuditEvent).order_by(AuditEvent.id))]
    assert events == [
        "users:user:added",
        "users:user:held",
        "users:user:suspended",
        "users:user:released",
        "users:user:resumed",
    ]


def test_erasing_leaves_a_tombstone_with_nothing_personal(amara):
    directory.erase(amara, how="test")
    directory.erase(amara, how="test")
    holds.resume(amara, how="test")
    db.session.commit()
    row = db.session.get_one(User, amara.id)
    kept = {value for name, value in vars(row).items() if isinstance(value, str)}
    assert kept == {amara.id, f"erased:{amara.id}", "erased"}


def test_claims_follow_the_scopes_and_leave_out_what_is_not_known(amara):
    assert directory.profile_claims(amara, set()) == {"preferred_username": "Amara.Okafor@acme.example"}
    full = directory.profile_claims(amara, {"email", "profile"})
    assert full["email"] == "Amara@mail.example"
    assert (full["given_name"], full["family_name"]) == ("Amara", "Okafor")
    bare = factories.user("bare@acme.example")
    assert directory.profile_claims(bare, {"email", "profile"}) == {"preferred_username": "bare@acme.example"}


def test_a_person_is_shown_the_name_they_gave_and_never_another_one(amara):
    assert directory.shown_as(amara, " amara@MAIL.example ") == "amara@MAIL.example"
    assert directory.shown_as(amara, "00uAbC123") == amara.login
    assert directory.shown_as(amara, None) == amara.login


@pytest.mark.parametrize(
    "details",
    [
        {"email": "x" * 321},
        {"given_name": "x" * 201},
        {"family_name": "a\x00b"},
        {"okta_id": "x" * 65},
        {"login": "\ufdfa" * 20},
    ],
    ids=["long address", "long name", "zero byte", "long Okta id", "a letter that folds into eighteen"],
)
def test_what_no_column_can_hold_is_refused_before_the_database_does(context, details):
    with pytest.raises(ValueError, match="characters"):
        directory.add(**{"login": "amara@acme.example", "how": "test"} | details)


@pytest.mark.parametrize(
    ("former", "changes", "ends"),
    [
        ({}, {"login": "amara@acme.example"}, True),
        ({}, {"login": "AMARA.OKAFOR@acme.example"}, False),
        ({"okta_id": "00u1former"}, {"okta_id": "00u2other"}, True),
        ({"okta_id": "00u1former"}, {"okta_id": None}, True),
        ({"okta_id": None}, {"okta_id": "00u1first"}, False),
    ],
    ids=str,
)
def test_what_is_under_way_under_a_former_name_ends(amara, former, changes, ends):
    """A code says that a face is a login's: that login may be somebody else's once it is redeemed."""
    directory.change(amara, how="test", **former)
    issued = factories.journey(person=amara)
    code = codes.mint(
        journey_id=issued.id, client_id=issued.client_id, user_id=amara.id,
        redirect_uri=factories.RP_REDIRECT_URI, scope="openid", code_challenge="c" * 43,
        id_token_claims={"sub": amara.id, "preferred_username": amara.login},
        userinfo_claims={"sub": amara.id}, confirms_enrolment=None, lifetime=60,
    )  # fmt: skip
    db.session.commit()
    assert directory.change(amara, how="test", **changes) == list(changes)
    db.session.commit()
    assert (codes.find(code).revoked_at is not None) is ends
    assert (db.session.get_one(Journey, issued.id).refusal == "renamed") is ends


@pytest.mark.parametrize(
    ("former", "changes", "ends"),
    [
        ("amara@acme.example", "amara.o@acme.example", True),
        ("amara@acme.example", None, True),
        ("amara@acme.example", "Amara@ACME.example", False),
        (None, "amara@acme.example", False),
    ],
)
def test_no_code_speaks_of_a_former_address(amara, former, changes, ends):
    """Okta may take the address for a login, and identity verification may have been asked by it."""
    directory.change(amara, how="test", email=former)
    issued = factories.journey(person=amara)
    code = codes.mint(
        journey_id=issued.id, client_id=issued.client_id, user_id=amara.id,
        redirect_uri=factories.RP_REDIRECT_URI, scope="openid email", code_challenge="c" * 43,
        id_token_claims={"sub": amara.id, "email": former},
        userinfo_claims={"sub": amara.id}, confirms_enrolment=None, lifetime=60,
    )  # fmt: skip
    db.session.commit()
    directory.change(amara, how="test", email=changes)
    db.session.commit()
    assert (codes.find(code).revoked_at is not None) is ends
    assert db.session.get_one(Journey, issued.id).refusal is None, "whoever is at the camera goes on"


def test_a_login_that_is_refused_ends_nothing(amara):
    factories.user("taken@acme.example")
    journey = factories.journey(person=amara)
    with pytest.raises(directory.UserExists):
        directory.change(amara, how="test", login="taken@acme.example")
    db.session.commit()
    assert db.session.get_one(Journey, journey.id).refusal is None
