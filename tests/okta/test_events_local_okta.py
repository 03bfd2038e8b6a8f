"""The portal and the local Okta over HTTP: the hook is verified, told, and what it loses is reconciled."""

import json
import warnings

import pytest
from sqlalchemy import select

from portal.connections import hook_secrets, registry
from portal.extensions import db
from portal.models import HoldReason, User
from portal.okta import reconcile
from portal.sandbox.okta import hooks, people, sow
from portal.sandbox.okta.app import LocalOkta, LocalOktaWarning
from portal.users import holds
from tests.okta import telling
from tests.support import factories
from tests.support.web_server import listening, serving

GROUP = "Verified staff"
TOKEN = "ssws-token-of-the-tests-0123456789"

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def okta(app, tmp_path):
    """A local Okta that tells a running portal, and is connected to it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LocalOktaWarning)
        local = LocalOkta(tmp_path / "okta.sqlite3")
    with (
        listening() as (at_portal, portal),
        listening() as (at_okta, origin),
        serving(app, at_portal),
        serving(local.app, at_okta),
        app.app_context(),
    ):
        registry.save(
            origin, credential=TOKEN, credential_kind=registry.SSWS, scopes=[],
            attribute="byndidRegistered", group_name=GROUP, checks={},
        )  # fmt: skip
        _, secret = hook_secrets.add()
        db.session.commit()
        sow(
            local.store,
            {
                "groups": [GROUP],
                "attributes": ["byndidRegistered"],
                "api_tokens": [{"name": "portal", "token": TOKEN}],
                "hooks": [{"name": "Portal", "uri": f"{portal}/okta/events", "secret": secret}],
                "people": [{"login": "Zoë@acme.example", "first_name": "Zoë", "last_name": "Ångström"}],
            },
        )
        with local.store.transaction() as records:
            (hook,) = records.all("SELECT id FROM hooks")
        assert hooks.verify(local.store, hook["id"])["verification"] == "VERIFIED"
        yield local.store


def happens(okta, what, *arguments, heard=True):
    """Let something happen in Okta; if the hook is not heard, it is as if nothing had been sent."""
    with okta.transaction() as records:
        what(records, *arguments)
        if not heard:
            records.run("DELETE FROM outgoing")
    while hooks.deliver_due(okta):
        pass
    telling.work()


def person():
    db.session.rollback()
    return db.session.scalars(select(User)).one()


def test_a_person_joins_is_suspended_and_leaves_and_what_was_lost_is_found(okta):
    with okta.transaction() as records:
        zoe = people.find(records, "zoë@acme.example")["id"]
        group = records.one("SELECT id FROM groups WHERE name = ?", GROUP)["id"]
    happens(okta, people.join, group, zoe)
    found = person()
    assert (found.okta_id, found.login, found.family_name) == (zoe, "Zoë@acme.example", "Ångström")
    happens(okta, people.move, zoe, "suspend")
    assert holds.reasons(person().id) == [HoldReason.OKTA_SUSPENDED]
    happens(okta, people.move, zoe, "unsuspend")
    assert holds.reasons(person().id) == []
    happens(okta, people.leave, group, zoe)
    assert holds.reasons(person().id) == [HoldReason.LEFT_GROUP]
    happens(okta, people.join, group, zoe)
    happens(okta, people.move, zoe, "suspend", heard=False)
    assert holds.reasons(person().id) == []
    token = reconcile.begin()
    db.session.commit()
    for _ in reconcile.steps(token):
        db.session.commit()
    assert reconcile.last().report["counts"]["events_new"] >= 1
    telling.work()
    assert holds.reasons(person().id) == [HoldReason.OKTA_SUSPENDED]


def registered(okta, *okta_ids):
    """Return the registration attribute of people, as Okta has it."""
    with okta.transaction() as records:
        profiles = [json.loads(people.find(records, okta_id)["profile"]) for okta_id in okta_ids]
    return [profile.get("byndidRegistered") for profile in profiles]


def test_a_group_of_oktas_own_is_invited_and_paused_through_its_api(okta, runner):
    """Not the group of the connection; one of its members is unknown here, and one of ours is not in it."""
    with okta.transaction() as records:
        zoe = people.find(records, "zoë@acme.example")["id"]
        others = [
            people.create(records, {"login": f"{name}@acme.example", "email": f"{name}@acme.example",
                                    "firstName": name, "lastName": "Eze"})["id"]
            for name in ("outsider", "stranger")
        ]  # fmt: skip
        sales = people.create_group(records, "Sales")["id"]
        for okta_id in (zoe, others[1]):
            people.join(records, sales, okta_id)
    place = factories.verification_configuration()
    ours = [factories.user(f"{key}@acme.example", email=f"{key}@acme.example", okta_id=key)
            for key in (zoe, others[0])]  # fmt: skip
    invited = runner.invoke(args=["user", "invite", "--group", "Sales", "--json"])
    assert invited.exit_code == 0, invited.output
    assert [(one["login"], one["invited"]) for one in json.loads(invited.stdout)] == [(ours[0].login, True)]
    unknown = runner.invoke(args=["user", "invite", "--group", "Nobody"])
    assert (unknown.exit_code, "no group Nobody" in unknown.stderr) == (1, True)

    for each in ours:
        factories.enrolment(each, place)
    telling.work()
    assert registered(okta, zoe, others[0]) == [True, True]
    for command, expected in (
        (["pause", "--group", "Sales", "--reason", "The vendor moves"], [False, True]),
        (["resume", "--group", "Sales"], [True, True]),
    ):
        result = runner.invoke(args=["okta", *command])
        assert result.exit_code == 0, result.output
        telling.work()
        assert registered(okta, zoe, others[0]) == expected
