"""The details of a person: what is kept, what is refused, and that erasing leaves nothing."""

import pytest
from sqlalchemy import select

from portal.extensions import db
from portal.models import AuditEvent, User
from portal.users import directory
from tests.support import factories

ADDRESS = {
    "street_address": "12 Marina Road",
    "locality": "Lagos",
    "region": "Lagos State",
    "postal_code": "101241",
    "country": "NG",
}
EVERYTHING = {
    "email": "Amara@mail.example",
    "given_name": "Amara",
    "middle_name": "Ngozi",
    "family_name": "Okafor",
    "okta_id": "00uAbC123",
    "birthdate": "1990-07-31",
    "phone_number": "+2348031234567",
    "address": ADDRESS,
}


@pytest.fixture
def amara(context):
    return factories.user("amara@acme.example", **EVERYTHING)


def kept(user):
    db.session.commit()
    db.session.expire_all()
    return {name: getattr(db.session.get_one(User, user.id), name) for name in EVERYTHING}


def test_every_detail_is_kept(amara):
    assert kept(amara) == EVERYTHING


def test_erasing_removes_every_detail_that_there_is(amara):
    directory.erase(amara, how="test")
    db.session.commit()
    row = db.session.get_one(User, amara.id)
    left = {column.name: getattr(row, column.name) for column in User.__table__.columns}
    assert {name for name, value in left.items() if value is not None} == {
        "id", "login", "login_key", "status", "created_at", "updated_at",
    }  # fmt: skip


def test_erasing_removes_what_journeys_were_asked_about_the_person(amara):
    claims = {"id_token": {"verified_claims": {"claims": {"given_name": {"value": "Amara"}}}}}
    journey = factories.journey(
        person=amara, parameters={"scope": "openid", "login_hint": "00uAbC123", "verified_claims": claims}
    )
    directory.erase(amara, how="test")
    db.session.commit()
    assert journey.parameters == {"scope": "openid"}
    assert journey.account is None


@pytest.mark.parametrize(
    ("given", "as_kept"),
    [
        ({"phone_number": "+44 (0)20 7946 0018"}, "+442079460018"),
        ({"phone_number": " +1 415-555-2671 "}, "+14155552671"),
        ({"phone_number": "＋81 3 1234 5678"}, "+81312345678"),
        ({"phone_number": "tel:+39-06-698-12345"}, "+390669812345"),
        ({"phone_number": "  "}, None),
        ({"birthdate": " 2000-02-29 "}, "2000-02-29"),
        ({"birthdate": ""}, None),
        ({"middle_name": "  Ngozi "}, "Ngozi"),
        ({"middle_name": ""}, None),
        ({"address": {"locality": " Lagos ", "region": " "}}, {"locality": "Lagos"}),
        ({"address": {"locality": ""}}, None),
        ({"address": {}}, None),
    ],
)
def test_a_detail_is_kept_in_one_form(context, given, as_kept):
    user = factories.user(**given)
    (name,) = given
    assert kept(user)[name] == as_kept


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"birthdate": "1990-02-30"}, "YYYY-MM-DD"),
        ({"birthdate": "31.7.1990"}, "YYYY-MM-DD"),
        ({"birthdate": "19900731"}, "YYYY-MM-DD"),
        ({"birthdate": "９９９０-07-31"}, "YYYY-MM-DD"),
        ({"birthdate": "0990-07-31"}, "YYYY-MM-DD"),
        ({"birthdate": "2999-01-01"}, "a day that was"),
        ({"phone_number": "020 7946 0018"}, "country code"),
        ({"phone_number": "call me"}, "country code"),
        ({"phone_number": "+44 20 7946 0018\x00"}, "country code"),
        ({"phone_number": "+" + "4" * 400}, "country code"),
        ({"phone_number": "+44 1"}, "country code"),
        ({"phone_number": "+44 123"}, "length"),
        ({"phone_number": "+44 20 7946 0018 ext. 5"}, "extension"),
        ({"middle_name": "bell\a"}, "A middle name"),
        ({"middle_name": "x" * 201}, "A middle name"),
        ({"address": {"planet": "Earth"}}, "street_address, locality"),
        ({"address": {"locality": "La\ngos"}}, "locality"),
        ({"address": {"locality": "x" * 501}}, "500"),
        ({"address": {"locality": "\u202eLagos"}}, "control"),
    ],
)
def test_what_could_not_be_compared_is_refused_with_a_sentence(amara, given, sentence):
    with pytest.raises(ValueError, match=sentence):
        directory.add("other@acme.example", how="test", **given)
    with pytest.raises(ValueError, match=sentence):
        directory.change(amara, how="test", **given)
    assert kept(amara) == EVERYTHING


def test_only_what_is_given_is_changed_and_the_log_names_it_without_values(amara):
    assert directory.change(amara, how="test", middle_name=None, phone_number="+234 803 123 4567") == [
        "middle_name"
    ]
    assert directory.change(amara, how="test", middle_name="") == []
    assert kept(amara) == EVERYTHING | {"middle_name": None}
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.event == "users:user:changed")).one()
    assert event.fields == {"how": "test", "details": ["middle_name"]}


def test_a_changed_login_address_and_okta_id_are_what_the_person_is_found_by(amara):
    directory.change(
        amara, how="test", login="Amara.O@acme.example", email="ao@mail.example", okta_id="00uNew"
    )
    db.session.commit()
    for hint in ("amara.o@ACME.example", "AO@mail.example", "00uNew"):
        assert directory.resolve(hint).id == amara.id
    for hint in ("amara@acme.example", "Amara@mail.example", "00uAbC123"):
        assert directory.resolve(hint) is None


@pytest.mark.parametrize("taken", [{"login": "OTHER@acme.example"}, {"okta_id": "00uOther"}])
def test_nobody_is_given_what_somebody_else_has(amara, taken):
    factories.user("other@acme.example", okta_id="00uOther")
    with pytest.raises(directory.UserExists):
        directory.change(amara, how="test", **taken)
    assert directory.change(amara, how="test", login="AMARA@acme.example", okta_id="00uAbC123") == ["login"]
