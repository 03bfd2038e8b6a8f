"""A browser without a screen or a script in front of the real sandbox, and its configurations."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import urllib3

from portal import clock, credentials
from portal.verifeye import signing
from tests.support.sandbox_server import SandboxServer

API_KEY = "account:a-key-for-the-sandbox-tests"
RESULT_URL = "https://portal.example/verify-result"


@dataclass
class Hosted:
    """The hosted page of one configuration, as a person with the link meets it."""

    sandbox: SandboxServer
    configuration_id: str

    def link(self, lifetime: int = 300, **parameters: str) -> str:
        values = {
            "state": credentials.random_hex(128),
            "reExternalId": "e" * 32,
            "reExpiration": str(clock.epoch() + lifetime),
            "reNonce": credentials.random_hex(128),
            **parameters,
        }
        query = urlencode({name: value for name, value in values.items() if value != "-"})
        return f"{self.url}?{query}&reSignature={signing.sign(query, API_KEY)}"

    @property
    def url(self) -> str:
        return f"{self.sandbox.origin}/verification/{self.configuration_id}"

    def request(self, method: str, url: str, **options: Any) -> urllib3.BaseHTTPResponse:
        with urllib3.PoolManager() as pool:
            return pool.request(method, url, redirect=False, retries=False, **options)

    def get(self, url: str) -> urllib3.BaseHTTPResponse:
        return self.request("GET", url)

    def end(self, face: str = "amara", outcome: str = "pass", **parameters: str) -> urllib3.BaseHTTPResponse:
        """Open a fresh link, choose, and press the button."""
        return self.choose(self.get(self.link(**parameters)), face=face, outcome=outcome)

    def choose(self, page: urllib3.BaseHTTPResponse, **fields: str) -> urllib3.BaseHTTPResponse:
        assert page.status == 200, page.data.decode()
        session = page.data.decode().partition('name="session" value="')[2].partition('"')[0]
        return self.request("POST", self.url, fields={"session": session, **fields}, encode_multipart=False)

    def result(self, face: str = "amara", outcome: str = "pass", **parameters: str) -> dict[str, str]:
        """End a session and return the parameters of the result URL."""
        answer = self.end(face, outcome, **parameters)
        assert answer.status == 303, answer.data.decode()
        return returned(answer)

    def api(self, method: str, path: str, **options: Any) -> urllib3.BaseHTTPResponse:
        headers = {"Authorization": f"ApiKey {API_KEY}", **options.pop("headers", {})}
        return self.request(method, f"{self.sandbox.origin}/v1/{path}", headers=headers, **options)

    def told(self, session_id: str) -> urllib3.BaseHTTPResponse:
        return self.api("GET", f"verification/get-session-result?verificationSessionId={session_id}")


def returned(answer: urllib3.BaseHTTPResponse) -> dict[str, str]:
    query = urlsplit(answer.headers["Location"]).query
    return {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()}


@pytest.fixture
def host(sandbox_server: SandboxServer) -> Callable[..., Hosted]:
    """Register a configuration of a fresh id with the given options, and return its hosted page."""

    def make(**options: Any) -> Hosted:
        configuration_id = credentials.random_hex(128)
        sandbox_server.add_configuration(configuration_id, API_KEY, RESULT_URL, **options)
        return Hosted(sandbox_server, configuration_id)

    return make
