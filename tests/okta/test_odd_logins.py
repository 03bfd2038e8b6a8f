"""A login that no database can keep is its holder's trouble, and stops the reconciliation of nobody else."""

import pytest
from sqlalchemy import select

from portal.extensions import db
from portal.models import HoldReason, User
from portal.okta import reconcile
from portal.okta_api.errors import OktaUnavailable
from portal.okta_api.reading import user
from portal.users import directory, holds
from tests.okta.registration_scenes import connect
from tests.support import factories
from tests.support.small_okta import small_okta

GROUP = "00gFACTOR"
ODD = ["\ud800@acme.example", "a\x00b@acme.example", "x" * 321, "x" * 5000]


@pytest.fixture
def okta(context):
    with small_okta() as organisation:
        connect(organisation, group_id=GROUP)
        organisation.groups[GROUP] = {"id": GROUP, "profile": {"name": "Verified Staff"}}
        organisation.members[GROUP] = ["00u1", "00u2", "00u3"]
        for okta_id in organisation.members[GROUP]:
            organisation.person(okta_id, f"{okta_id}@acme.example")
        yield organisation


def reconciled():
    token = reconcile.begin()
    db.session.commit()
    for _ in reconcile.steps(token):
        db.session.commit()
    return reconcile.last().report


def held():
    people = db.session.execute(select(User.okta_id, User.id))
    return {okta_id: set(holds.reasons(user_id)) for okta_id, user_id in people}


@pytest.mark.parametrize("login", ODD)
def test_a_newcomer_with_such_a_login_waits_and_everybody_else_comes(okta, login):
    okta.users["00u2"]["profile"]["login"] = login
    assert reconciled()["conflicts"] == ["00u2"]
    assert held() == {"00u1": set(), "00u3": set()}


def test_of_an_erased_person_the_last_report_names_nothing(okta):
    reconciled()
    person = db.session.scalars(select(User).where(User.okta_id == "00u2")).one()
    factories.user(login="taken@acme.example")
    for okta_id, login in (("00u2", "taken@acme.example"), ("00u3", "\x00")):
        okta.users[okta_id]["profile"]["login"] = login
    assert reconciled()["conflicts"] == ["00u2"]
    directory.erase(person, how="test")
    db.session.commit()
    report = reconcile.last().report
    assert report["conflicts"] == []
    assert report["counts"]["members"] == 3


@pytest.mark.parametrize("login", ODD)
def test_whoever_gets_such_a_login_keeps_the_former_one_and_is_suspended_all_the_same(okta, login):
    reconciled()
    okta.users["00u2"] |= {"status": "SUSPENDED", "profile": {"login": login}}
    okta.users["00u3"]["status"] = "SUSPENDED"
    assert reconciled()["conflicts"] == []
    suspended = {HoldReason.OKTA_SUSPENDED}
    assert held() == {"00u1": set(), "00u2": suspended, "00u3": suspended}
    assert reconciled()["counts"]["renamed"] == 0


@pytest.mark.parametrize(
    "odd", [{"id": "u" * 65}, {"id": "u\x00"}, {"status": "S" * 33}, {"status": "\udfff"}]
)
def test_what_people_do_not_choose_is_not_oktas_if_it_is_odd(odd):
    with pytest.raises(OktaUnavailable, match="usable"):
        user({"id": "00u1", "status": "ACTIVE", "profile": {"login": "a"}} | odd)
