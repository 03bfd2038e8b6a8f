"""A real client of a real sandbox, one configuration, and a browser that needs no screen."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import urllib3

from portal import credentials
from portal.http import Outbound
from portal.verifeye.client import VerifEyeClient
from portal.verifeye.returns import Returned, read_return
from tests.support.sandbox_server import SandboxServer

API_KEY = "account:a-key-for-tests"
CONFIGURATION = "0b5c7f4e-8a79-4e41-a58e-08dfd634f816"
RESULT_URL = "https://portal.example/v1/openid/verify-result"


@dataclass
class Capture:
    """One person's way through the hosted page."""

    client: VerifEyeClient
    sandbox: SandboxServer

    def link(self, external_id: str | None = None, state: str | None = None) -> str:
        parameters = {
            "state": state or credentials.random_hex(128),
            "reExternalId": external_id or credentials.random_hex(128),
        }
        return self.client.signed_link(CONFIGURATION, parameters, 300)

    def follow(self, link: str) -> urllib3.BaseHTTPResponse:
        with urllib3.PoolManager() as pool:
            return pool.request("GET", link, redirect=False, retries=False)

    def returned_query(self, **order: object) -> str:
        """Let the next session end as ordered and return the query the browser brings back."""
        link = self.link(str(order.pop("external_id", "")) or None)
        self.sandbox.next_session(**order)
        answer = self.follow(link)
        assert answer.status == 303, answer.data.decode()
        return answer.headers["Location"].partition("?")[2]

    def returned(self, **order: object) -> Returned:
        return read_return(self.returned_query(**order))


@pytest.fixture
def make_client(sandbox_server: SandboxServer) -> Callable[..., VerifEyeClient]:
    """Make a client of the sandbox; each has connections and breakers of its own."""

    def make(api_key: str = API_KEY, **options: bool) -> VerifEyeClient:
        outbound = Outbound(connect_timeout=20, read_timeout=20, retries=0)
        return VerifEyeClient(sandbox_server.endpoints, api_key, outbound, **options)

    return make


@pytest.fixture
def client(make_client: Callable[..., VerifEyeClient], configuration: None) -> VerifEyeClient:
    return make_client()


@pytest.fixture
def configuration(sandbox_server: SandboxServer) -> None:
    sandbox_server.add_configuration(CONFIGURATION, API_KEY, RESULT_URL)


@pytest.fixture
def capture(client: VerifEyeClient, sandbox_server: SandboxServer) -> Capture:
    return Capture(client, sandbox_server)
