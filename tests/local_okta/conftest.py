"""A local Okta with two people, a group and an API token, reached through a test client."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from portal.sandbox.okta import USUAL, LocalOkta, LocalOktaWarning, sow
from portal.sandbox.okta.store import Store

TOKEN, CONTROL = "an-api-token-of-the-tests", "a-control-key-of-the-tests"
ELIF, CHIDI, GROUP = "elif@acme.example", "chidi@acme.example", "Verified staff"


class Org:
    """The local Okta as a program with the API token sees it."""

    def __init__(self, local: LocalOkta) -> None:
        self.local = local
        self.browser: FlaskClient = local.app.test_client()

    @property
    def store(self) -> Store:
        return self.local.store

    def call(self, method: str, path: str, *, token: str = f"SSWS {TOKEN}", **options: Any) -> TestResponse:
        """Call the API."""
        return self.local.app.test_client().open(
            f"/api/v1{path}", method=method, headers={"Authorization": token}, **options
        )

    def get(self, path: str, **options: Any) -> Any:
        """Return what a GET answers."""
        answer = self.call("GET", path, **options)
        assert answer.status_code == 200, answer.text
        return answer.json

    def order(self, what: str, document: dict[str, Any] | None = None) -> Any:
        """Give an order of the control API."""
        headers = {"Authorization": f"ApiKey {CONTROL}"}
        answer = self.browser.post(f"/local/{what}", json=document or {}, headers=headers)
        assert answer.status_code < 300, answer.text
        return answer.json

    def state(self) -> Any:
        """Return what is remembered."""
        return self.browser.get("/local/state", headers={"Authorization": f"ApiKey {CONTROL}"}).json

    @property
    def group(self) -> str:
        """The group's id."""
        return str(self.get("/groups")[0]["id"])

    def events(self, **query: str) -> list[str]:
        """Return the types of the System Log's events, oldest first."""
        found = self.get("/logs", query_string={"limit": "1000", **query})
        return [event["eventType"] for event in found]


@pytest.fixture
def org(tmp_path: Path) -> Iterator[Org]:
    with pytest.warns(LocalOktaWarning):
        local = LocalOkta(tmp_path / "okta.sqlite3", control_key=CONTROL, mail_folder=tmp_path)
    token = {"name": "tests", "token": TOKEN}
    sow(local.store, {**USUAL, "attributes": ["byndidRegistered"], "api_tokens": [token]})
    yield Org(local)
    local.stop()
