"""SCIM clients: Okta's two kinds of application, and whoever else."""

import itertools
import json
from typing import Any

from portal.extensions import db
from portal.scim import tokens

BASE = "/scim/v2"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
#: As Okta's own client sends them.
HEADERS = {
    "Accept": "application/scim+json",
    "Accept-Charset": "utf-8",
    "User-Agent": "Okta SCIM Client 1.0.0",
}
_numbers = itertools.count(1)


def new_token(app, name=None, **options) -> str:
    """Make a token in ``app`` and return it."""
    with app.app_context():
        _, secret = tokens.add(name or f"okta-{next(_numbers)}", **options)
        db.session.commit()
        db.session.remove()
    return secret


def person(login="jane@acme.example", **changes: Any) -> dict[str, Any]:
    """Return a user as Okta's wizard applications post one."""
    sent = {
        "schemas": [USER, ENTERPRISE],
        "userName": login,
        "name": {"givenName": "Jane", "familyName": "Doe"},
        "emails": [{"primary": True, "value": login, "type": "work"}],
        "displayName": "Jane Doe",
        "locale": "en-US",
        "externalId": f"00u{next(_numbers):017d}",
        "groups": [],
        "password": "kq6b0VqQ",
        "active": True,
        ENTERPRISE: {"department": "Research"},
    }
    return {name: value for name, value in (sent | changes).items() if value is not ...}


def group(name="Verified staff", *members: str, **more: Any) -> dict[str, Any]:
    """Return a group as Okta pushes one."""
    return {
        "schemas": [GROUP],
        "displayName": name,
        "members": [{"value": member, "display": "somebody"} for member in members],
    } | more


def patch(*operations: dict[str, Any]) -> dict[str, Any]:
    """Return a PATCH."""
    return {"schemas": [PATCH_OP], "Operations": list(operations)}


class Caller:
    """Calls the SCIM server with a token; an answer that breaks the form of all answers fails the test."""

    def __init__(self, app, secret=None):
        self.app = app
        self.client = app.test_client()
        self.authorization = f"Bearer {secret}" if secret else None

    def call(self, method, path, sent=None, *, raw=None, **headers):
        """Make a call and return the answer."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.authorization:
            given.setdefault("Authorization", self.authorization)
        data = raw if raw is not None else None if sent is None else json.dumps(sent)
        answer = self.client.open(
            path if path.startswith("/") and path.startswith(BASE) else BASE + path,
            method=method,
            data=data,
            headers=HEADERS | given,
            content_type=None if data is None else "application/scim+json; charset=utf-8",
        )
        self._check(answer)
        return answer

    def _check(self, answer):
        if answer.status_code != 304:
            assert answer.mimetype == "application/scim+json", answer.text[:300]
        if answer.status_code >= 400:
            told = answer.json
            assert told["schemas"] == [ERROR], told
            assert told["status"] == str(answer.status_code), told
            assert told["detail"], told

    def get(self, path, **headers):
        """GET."""
        return self.call("GET", path, **headers)

    def post(self, path, sent=None, **options):
        """POST."""
        return self.call("POST", path, sent, **options)

    def put(self, path, sent=None, **options):
        """PUT."""
        return self.call("PUT", path, sent, **options)

    def patch(self, path, *operations, **headers):
        """PATCH with operations."""
        return self.call("PATCH", path, patch(*operations), **headers)

    def delete(self, path, **headers):
        """DELETE."""
        return self.call("DELETE", path, **headers)

    def made(self, **changes):
        """POST a person and return what the server answers."""
        answer = self.post("/Users", person(**changes))
        assert answer.status_code == 201, answer.text
        return answer.json

    def found(self, where, query=""):
        """Return the list at an address."""
        answer = self.client.get(
            BASE + where,
            query_string=query if isinstance(query, dict) else {"filter": query} if query else {},
            headers=HEADERS | {"Authorization": self.authorization},
        )
        assert answer.status_code == 200, answer.text
        told = answer.json
        assert told["schemas"] == [LIST]
        for name in ("totalResults", "startIndex", "itemsPerPage"):
            assert type(told[name]) is int
        assert told["itemsPerPage"] == len(told["Resources"])
        return told

    def logins(self, query=""):
        """Return the logins that a filter, or a query, finds."""
        return [one["userName"] for one in self.found("/Users", query)["Resources"]]
