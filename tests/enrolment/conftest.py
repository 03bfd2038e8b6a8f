"""Somebody who was invited, and their browsers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from portal.connections import registry as connections
from portal.enrolment import links
from portal.extensions import db, vault
from portal.models import AuditEvent, Enrolment, Invitation, Journey, OutboxMessage, User
from portal.users import invitations
from tests.support import factories, okta_identity
from tests.support.okta_identity import OktaIdentity
from tests.support.person import Person
from tests.support.sandbox_server import SandboxServer


@dataclass
class Invited:
    """One invited person; plain values, and questions asked of the database anew each time."""

    app: Flask
    sandbox: SandboxServer
    user_id: str
    login: str
    invitation_id: str
    verification_id: str
    url: str
    okta: OktaIdentity | None = None

    def person(self) -> Person:
        """Return the person with a new browser."""
        others = [self.sandbox.origin] + ([self.okta.origin] if self.okta else [])
        return Person(self.app.test_client(), *others)

    def arrived(self) -> Person:
        """Return the person in a new browser, before the invitation's page."""
        person = self.person()
        person.open(self.url)
        return person

    def at_capture(self) -> Person:
        """Return the person in a new browser, before the start page of the capture."""
        person = self.arrived()
        person.press("Continue")
        assert person.page.heading == "Set up your face check", person.page.text
        return person

    def enrol(self, person: Person | None = None) -> Person:
        """Walk to the end."""
        person = person or self.at_capture()
        person.press("Start camera check")
        person.press()
        return person

    def get(self, model: Any, **where: Any) -> Any:
        """Return the only row of ``model``, or ``None``."""
        return next(iter(self.all(model, **where)), None)

    def all(self, model: Any, **where: Any) -> list[Any]:
        """Return the rows of ``model``."""
        with self.app.app_context():
            return list(db.session.scalars(select(model).filter_by(**where)))

    @property
    def invitation(self) -> Invitation:
        """The invitation, as it is now."""
        found: Invitation = self.get(Invitation, id=self.invitation_id)
        return found

    @property
    def enrolment(self) -> Enrolment | None:
        """The person's enrolment, as it is now."""
        found: Enrolment | None = self.get(Enrolment, user_id=self.user_id)
        return found

    def journeys(self) -> list[Journey]:
        """Return every journey, oldest first."""
        with self.app.app_context():
            return list(db.session.scalars(select(Journey).order_by(Journey.created_at, Journey.reference)))

    def audited(self, label: str) -> list[dict[str, Any]]:
        """Return the fields of every audit event called ``label``."""
        with self.app.app_context():
            rows = db.session.scalars(
                select(AuditEvent).where(AuditEvent.event == label).order_by(AuditEvent.id)
            )
            return [dict(row.fields) for row in rows]

    def change(self, action: Any) -> Any:
        """Do ``action`` with the person's record, and commit."""
        with self.app.app_context():
            result = action(db.session.get_one(User, self.user_id))
            db.session.commit()
            return result

    def mails(self) -> list[OutboxMessage]:
        """Return the mails that wait in the outbox or were sent."""
        found: list[OutboxMessage] = self.all(OutboxMessage, topic=invitations.MAIL)
        return found


def invite(app: Flask, sandbox: SandboxServer, **details: Any) -> Invited:
    """Add a person and invite them."""
    number = factories.number()
    given = {"email": f"Amara{number}@acme.example", "given_name": "Amara", "okta_id": f"00u{number:017d}"}
    with app.app_context():
        configuration = factories.verification_configuration(sandbox=sandbox)
        user = factories.user(f"amara{number}@acme.example", **{**given, **details})
        invitation = invitations.invite(user, how="operator")
        db.session.commit()
        return Invited(
            app, sandbox, user.id, user.login, invitation.id, configuration.id, links.url_of(invitation)
        )


def connect(app: Flask, okta: OktaIdentity, *, secret: str = okta_identity.CLIENT_SECRET) -> None:
    """Set sign-in with ``okta`` up."""
    with app.app_context():
        connections.save(
            okta.origin,
            credential="an-api-token-for-tests-only",
            credential_kind="ssws",
            client_id=None,
            scopes=[],
            attribute="byndidRegistered",
            sign_in_client_id=okta_identity.CLIENT_ID,
            sign_in_secret_sealed=vault().seal(secret),
            checks={},
        )
        db.session.commit()


@pytest.fixture
def invited(app: Flask, sandbox_server: SandboxServer) -> Invited:
    """Somebody who was invited where the link alone is enough."""
    return invite(app, sandbox_server)


@pytest.fixture
def okta() -> Iterator[OktaIdentity]:
    """An Okta to sign in with."""
    with okta_identity.running() as running:
        yield running


@pytest.fixture
def with_okta(app: Flask, sandbox_server: SandboxServer, okta: OktaIdentity) -> Invited:
    """Somebody who was invited and has to sign in with Okta first; they are signed in there."""
    connect(app, okta)
    made = invite(app, sandbox_server)
    made.okta = okta
    with app.app_context():
        okta.okta_id, okta.login = db.session.get_one(User, made.user_id).okta_id or "", made.login
    return made
