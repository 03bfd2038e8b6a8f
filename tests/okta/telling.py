"""Okta's side of an event hook, for tests: bodies as Okta writes them, and somebody to send them."""

from datetime import timedelta

from portal import clock, credentials, outbox
from portal.connections import hook_secrets, registry
from portal.extensions import db

GROUP = "00gVERIFIED0000000017"
SECRET = "hook-secret-for-tests-0123456789"


def listen():
    """Let the portal know the secret of the hook."""
    hook_secrets.add(SECRET)
    db.session.commit()


def connect(org_url="http://127.0.0.1:9", group_id=GROUP, group_name="Verified Staff", **values):
    """Connect an organisation, at which nobody listens unless a test does."""
    registry.save(
        org_url,
        credential="00" + credentials.random_hex(),
        credential_kind=registry.SSWS,
        scopes=[],
        attribute="byndidRegistered",
        group_id=group_id,
        group_name=group_name,
        checks={},
        **values,
    )
    db.session.commit()


def user_target(okta_id, login=None):
    return {"id": okta_id, "type": "User", "alternateId": login or f"{okta_id}@acme.example"}


def group_target(group_id=GROUP, name="Verified Staff"):
    return {"id": group_id, "type": "UserGroup", "alternateId": "unknown", "displayName": name}


def event(event_type, okta_id, *, after=0.0, login=None, groups=(), result="SUCCESS", **changes):
    """Return an event of ``after`` seconds from now, as Okta writes it."""
    published = clock.now() + timedelta(seconds=after)
    made = {
        "uuid": credentials.random_hex(),
        "published": published.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "eventType": event_type,
        "version": "0",
        "severity": "INFO",
        "displayMessage": "Something happened",
        "actor": {"id": "00uADMIN", "type": "User", "alternateId": "admin@acme.example"},
        "target": [*groups, user_target(okta_id, login)],
        "outcome": {"result": result, "reason": None},
        "client": {"ipAddress": "192.0.2.1"},
    }
    return made | changes


def joins(okta_id, **options):
    return event("group.user_membership.add", okta_id, groups=[group_target()], **options)


def leaves(okta_id, **options):
    return event("group.user_membership.remove", okta_id, groups=[group_target()], **options)


def body(*events):
    """Return the body of a hook's request."""
    return {
        "eventType": "com.okta.event_hook",
        "eventTypeVersion": "1.0",
        "cloudEventsVersion": "0.1",
        "contentType": "application/json",
        "source": "https://acme.okta.com/api/v1/eventHooks/who1",
        "eventId": credentials.random_hex(),
        "eventTime": clock.now().isoformat(),
        "data": {"events": list(events)},
    }


def tell(client, *events, secret=SECRET):
    """Send events as Okta does."""
    return client.post("/okta/events", json=body(*events), headers={"Authorization": secret})


def work():
    """Work everything off that is due, also what that leads to."""
    while outbox.run_due():
        pass
