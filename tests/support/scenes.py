"""A sign-in on its way: one client, its people and their browsers, and VerifEye's stand-in, stopped anywhere.

A scene saves a test the walk to the place where its own question begins: the start page, the genuine
address to which VerifEye would send the browser back, or the code in the relying party's hands.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import urllib3
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from portal.extensions import db
from portal.models import AuditEvent, AuthorizationGrant, Capture, Journey
from tests.support import factories
from tests.support.person import Person
from tests.support.relying_party import Authorization, RelyingParty, Tokens
from tests.support.sandbox_server import SandboxServer

START = "Start camera check"
RESULT_PATH = "/v1/openid/verify-result"


@dataclass
class Visit:
    """One person in one browser, and the request with which the relying party sent them."""

    browser: FlaskClient
    person: Person
    request: Authorization


class Scene:
    """One relying party with its configuration and person; options are ``factories.stage``'s."""

    def __init__(self, app: Flask, sandbox: SandboxServer, **options: Any) -> None:
        self.app, self.sandbox = app, sandbox
        options = {"enrolled": True, "enrolment": "invited"} | options
        with app.app_context():
            self.stage = factories.stage(sandbox, **options)
        self.okta = self.relying_party()

    def relying_party(self, **options: Any) -> RelyingParty:
        """Return the relying party; options are ``RelyingParty``'s (``auth_method``, ``private_key`` …)."""
        return RelyingParty(
            self.app.test_client(),
            client_id=self.stage.client_id,
            client_secret=self.stage.client_secret,
            redirect_uri=self.stage.redirect_uri,
            **options,
        )

    def arrive(self, browser: FlaskClient | None = None, **parameters: Any) -> Visit:
        """Send a person to the portal, by default with their login as hint; they see its first page."""
        browser = browser or self.app.test_client()
        if "login_hint" not in parameters:
            parameters["login_hint"] = self.stage.login
        wanted = {name: value for name, value in parameters.items() if value is not None}
        request = self.okta.authorization(**wanted)
        person = Person(browser, self.sandbox.origin)
        person.open(request.url)
        return Visit(browser, person, request)

    def start(self, visit: Visit) -> str:
        """Press the start page's button and return the link to VerifEye, unopened."""
        form = visit.person.page.form()  # its button says "Start …" or "Try again", as the case may be
        answer = visit.browser.post(_path(form.action), data=form.fields)
        assert answer.status_code == 303, f"{answer.status_code}: {answer.text}"
        return str(answer.headers["Location"])

    def look(self, link: str, **order: Any) -> str:
        """Do at VerifEye what ``order`` says, and return the address it sends the browser back to."""
        self.sandbox.next_session(**order)
        with urllib3.PoolManager() as pool:
            answer = pool.request("GET", link, redirect=False, retries=False)
        assert answer.status == 303, f"{answer.status}: {answer.data.decode()}"
        return answer.headers["Location"]

    def waiting(self, visit: Visit | None = None, **order: Any) -> tuple[Visit, str]:
        """Return a visit whose journey waits for its result, and the path and query that would bring it."""
        visit = visit or self.arrive()
        return visit, _path(self.look(self.start(visit), **order))

    def with_code(self, **parameters: Any) -> tuple[Visit, str]:
        """Walk to the end and return the code, unredeemed."""
        visit, back = self.waiting(self.arrive(**parameters))
        visit.person.open(back)
        return visit, visit.person.arrival.parameters["code"]

    def sign_in(self, **parameters: Any) -> Tokens:
        """Walk to the end and redeem the code."""
        visit, back = self.waiting(self.arrive(**parameters))
        return self.finish(visit, back)

    def finish(self, visit: Visit, back: str) -> Tokens:
        """Let the browser return from VerifEye, and redeem the code."""
        visit.person.open(back)
        return self.okta.redeem(visit.person.arrival, visit.request)

    def journey(self) -> Journey:
        """Return the latest journey, as it is in the database."""
        with self.app.app_context():
            return db.session.scalars(
                select(Journey).order_by(Journey.created_at.desc(), Journey.reference)
            ).first() or _nothing("journey")

    def captures(self) -> list[Capture]:
        """Return every capture, oldest first."""
        with self.app.app_context():
            return list(db.session.scalars(select(Capture).order_by(Capture.created_at)))

    def codes(self) -> int:
        """Return how many codes were ever minted."""
        with self.app.app_context():
            return len(db.session.scalars(select(AuthorizationGrant.code_digest)).all())

    def audited(self, label: str) -> list[dict[str, Any]]:
        """Return the fields of every audit event called ``label``, oldest first."""
        with self.app.app_context():
            rows = db.session.scalars(
                select(AuditEvent).where(AuditEvent.event == label).order_by(AuditEvent.id)
            )
            return [dict(row.fields) for row in rows]

    def rejections(self) -> list[str]:
        """Return which trust rules returns have broken, oldest first."""
        return [fields["reason"] for fields in self.audited("capture:result:rejected")]


def _path(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _nothing(what: str) -> Any:
    raise AssertionError(f"there is no {what}")
