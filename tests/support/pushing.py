"""A relying party that pushes its requests (RFC 9126), as Okta does for identity verification.

Built on :mod:`tests.support.scenes`: a visit here begins with a pushed request and its request_uri alone.
"""

import json
from typing import Any
from urllib.parse import urlencode

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from portal.extensions import db
from portal.models import PushedRequest, User
from tests.support.person import Person
from tests.support.relying_party import Authorization, Claims, Tokens
from tests.support.scenes import Scene, Visit

PAR = "/oauth2/par"
IDV_AUTHORIZE = "/oauth2/idv-authorize"
AUTHORIZE_PATHS = (IDV_AUTHORIZE, "/oauth2/authorize", "/v1/openid/authorize")
PREFIX = "urn:ietf:params:oauth:request_uri:"
FORM = "application/x-www-form-urlencoded"
VERIFIER = "a-code-verifier-of-more-than-forty-three-characters"
CHALLENGE = create_s256_code_challenge(VERIFIER)
NAMES = {"given_name": {"value": "Amara", "fuzzy": True}, "family_name": {"value": "Okafor", "fuzzy": True}}


def entry(claims: Any = None, **verification: Any) -> Claims:
    """Return one entry of ``verified_claims`` as Okta asks; ``verification`` changes that member."""
    asked = {
        "trust_framework": {"value": "IDV-DELEGATED", "essential": True},
        "assurance_level": {"value": "VERIFIED", "essential": True},
    } | verification
    return {"verification": asked, "claims": NAMES if claims is None else claims}


def in_id_token(*entries: Claims) -> Claims:
    """Return a ``claims`` parameter that asks for ``entries`` in the ID token."""
    return {"id_token": {"verified_claims": list(entries)}}


class PushingScene(Scene):
    """A client (``okta-idv`` by default) and a person; options are ``factories.stage``'s."""

    def __init__(self, app: Any, sandbox: Any, **options: Any) -> None:
        super().__init__(app, sandbox, **{"profile": "okta-idv"} | options)
        with app.app_context():
            #: Okta's id of the person, which is what it puts into ``login_hint``.
            self.okta_id: str = db.session.get_one(User, self.stage.user_id).okta_id or ""

    def parameters(self, **changes: Any) -> dict[str, Any]:
        """Return the parameters that Okta documents; a change to ``None`` leaves one out."""
        values = {
            "response_type": "code",
            "client_id": self.stage.client_id,
            "client_secret": self.stage.client_secret,
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            "scope": "openid profile identity_assurance",
            "nonce": "a-nonce",
            "claims": in_id_token(entry()),
            "state": "a-state",
            "login_hint": self.okta_id,
            "redirect_uri": self.stage.redirect_uri,
        } | changes
        return {name: value for name, value in values.items() if value is not None}

    def push(self, *, headers: dict[str, str] | None = None, **changes: Any) -> TestResponse:
        """Push a request as a form, ``claims`` as JSON text."""
        return self.push_body(form(self.parameters(**changes)), content_type=FORM, headers=headers)

    def push_json(self, *, content_type: str = FORM, **changes: Any) -> TestResponse:
        """Push a request as a JSON object under ``content_type``."""
        return self.push_body(json.dumps(self.parameters(**changes)), content_type=content_type)

    def push_body(
        self, body: str | bytes, *, content_type: str = FORM, headers: dict[str, str] | None = None
    ) -> TestResponse:
        """Push whatever ``body`` is."""
        client = self.app.test_client()
        return client.post(PAR, data=body, content_type=content_type, headers=headers or {})

    def request_uri(self, **changes: Any) -> str:
        """Push a request that has to be taken, and return its request_uri."""
        answer = self.push(**changes)
        assert answer.status_code == 201, answer.text
        return str(answer.get_json()["request_uri"])

    def arrive(
        self, browser: FlaskClient | None = None, *, path: str = IDV_AUTHORIZE, **changes: Any
    ) -> Visit:
        """Push a request and open it with the request_uri alone; the person sees its first page."""
        sent = self.parameters(**changes)
        return self.open(self.request_uri(**changes), browser, path=path, sent=sent)

    def open(
        self,
        request_uri: str,
        browser: FlaskClient | None = None,
        *,
        path: str = IDV_AUTHORIZE,
        sent: dict[str, Any] | None = None,
    ) -> Visit:
        """Open a request that was pushed."""
        browser = browser or self.app.test_client()
        url = opening(request_uri, path)
        values = sent or self.parameters()
        remembered = Authorization(url, values.get("state", ""), values.get("nonce", ""), VERIFIER)
        person = Person(browser, self.sandbox.origin)
        person.open(url)
        return Visit(browser, person, remembered)

    def verify(self, *, order: dict[str, Any] | None = None, **changes: Any) -> Tokens:
        """Walk through a whole verification (``order`` is what happens at VerifEye) and redeem the code."""
        visit, back = self.waiting(self.arrive(**changes), **order or {})
        return self.finish(visit, back)

    def fail(self, visit: Visit) -> Tokens:
        """Let every attempt fail, go back by a click, and redeem the code."""
        self.use_up(visit)
        visit.person.follow("Go back")
        return self.okta.redeem(visit.person.arrival, visit.request)

    def use_up(self, visit: Visit) -> None:
        """Fail until there is no attempt left; the person sees that it cannot go on."""
        for _ in range(3):
            _, back = self.waiting(visit, outcome="liveness_fails")
            visit.person.open(back)

    def pushed(self) -> list[PushedRequest]:
        """Return every pushed request that is kept, oldest first."""
        with self.app.app_context():
            return list(db.session.query(PushedRequest).order_by(PushedRequest.created_at))


def form(parameters: dict[str, Any]) -> str:
    """Return ``parameters`` as a form; what is no text is written as JSON."""
    return urlencode(
        {
            name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for name, value in parameters.items()
        }
    )


def opening(request_uri: str, path: str = IDV_AUTHORIZE, **more: str) -> str:
    """Return the address that opens ``request_uri``, with other parameters in the query too."""
    return f"{path}?{urlencode({'request_uri': request_uri, **more})}"


def only_entry(tokens: Tokens) -> Claims:
    """Return the one entry of the ID token's ``verified_claims``."""
    entries = tokens.claims["verified_claims"]
    assert len(entries) == 1, entries
    found: Claims = entries[0]
    return found


def level(tokens: Tokens) -> str:
    """Return the assurance level that the ID token states."""
    found: str = only_entry(tokens)["verification"]["assurance_level"]
    return found
