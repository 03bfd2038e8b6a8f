"""VerifEye's stand-in, running on a real loopback port, for tests that walk through a whole flow."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import urllib3

from portal.sandbox import SandboxWarning, create_sandbox
from portal.verifeye.regions import Endpoints
from tests.support import web_server

ACCOUNT_KEY = "sandbox-account-key-for-tests-only"


@dataclass(frozen=True)
class SandboxServer:
    """A running sandbox and the orders a test can give it."""

    origin: str

    @property
    def endpoints(self) -> Endpoints:
        """Where a verification configuration of the portal finds it."""
        return Endpoints(self.origin, self.origin)

    def add_configuration(self, configuration_id: str, api_key: str, result_url: str, **options: Any) -> None:
        """Register a configuration whose Passed and Failed URL are ``result_url``."""
        self._post(
            "configurations",
            {
                "id": configuration_id,
                "api_key": api_key,
                "passed_url": result_url,
                "failed_url": result_url,
                **options,
            },
        )

    def next_session(self, **order: Any) -> None:
        """Say what the next session does: ``face``, ``outcome``, ``times``, ``shape``, ``webhook`` …"""
        self._post("next", order)

    def next_answers(self, **order: Any) -> None:
        """Say what the next API answers are: ``operation``, ``status``, ``delay``, ``times``."""
        self._post("faults", order)

    def state(self) -> dict[str, Any]:
        """Return what the sandbox remembers: faces, sessions, deliveries."""
        answer: dict[str, Any] = self._request("GET", "state").json()
        return answer

    def reset(self) -> None:
        """Forget everything but the configurations."""
        self._post("reset", {})

    def _post(self, what: str, document: dict[str, Any]) -> None:
        answer = self._request("POST", what, json=document)
        assert answer.status < 300, f"the sandbox refused {what}: {answer.data.decode()}"

    def _request(self, method: str, what: str, **options: Any) -> urllib3.BaseHTTPResponse:
        with urllib3.PoolManager() as pool:
            headers = {"Authorization": f"ApiKey {ACCOUNT_KEY}"}
            return pool.request(
                method, f"{self.origin}/sandbox/{what}", headers=headers, retries=False, **options
            )


def run(database: Path) -> Iterator[SandboxServer]:
    """Run a sandbox whose memory is ``database`` until the generator is closed."""
    with pytest.warns(SandboxWarning):
        application = create_sandbox(database, account_key=ACCOUNT_KEY)
    with (
        web_server.listening() as (listener, origin),
        web_server.serving(application, listener),
    ):
        yield SandboxServer(origin)


@pytest.fixture(scope="session")
def _running_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxServer]:
    yield from run(tmp_path_factory.mktemp("sandbox") / "sandbox.sqlite3")


@pytest.fixture
def sandbox_server(_running_sandbox: SandboxServer) -> SandboxServer:
    """A running sandbox that remembers no face, session or order of an earlier test."""
    _running_sandbox.reset()
    return _running_sandbox
