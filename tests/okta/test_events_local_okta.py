"""The portal and the local Okta over HTTP: the hook is verified, told, and what it loses is reconciled."""

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
