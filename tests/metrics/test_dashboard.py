"""Every panel of the dashboard finds something, asked of a real Prometheus that reads a real portal."""

import json
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from portal import clock, outbox
from portal.audit.events import Event
from portal.audit.log import record
from portal.extensions import db
from portal.http import Outbound, OutboundUnavailable
from portal.models import AuditSink, ScheduledJob
from tests.production.processes import free_port, running, wait_until
from tests.support import factories, machine, web_server
from tests.support.machine import TOP
from tests.support.person import Person
from tests.support.relying_party import RelyingParty
from tests.support.sandbox_server import SandboxServer

CONFIGURATION = """
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: verification-portal
    authorization: {credentials: test-only-metrics-token}
    static_configs: [{targets: ["TARGET"]}]
"""


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_every_panel_finds_something(
    app: Flask, client: FlaskClient, sandbox_server: SandboxServer, tmp_path: Path
) -> None:
    if machine.program("prometheus") is None:
        machine.missing("Debian's package prometheus is not installed")
    sign_in(app, client, sandbox_server)
    let_things_go_wrong(app, client)
    panels = json.loads((TOP / "config" / "watch" / "dashboard.json").read_text())["panels"]
    asked = {target["expr"] for panel in panels for target in panel.get("targets", [])}
    assert len(asked) > 20

    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with web_server.listening() as (listener, origin), web_server.serving(app, listener):
        (tmp_path / "prometheus.yml").write_text(
            CONFIGURATION.replace("TARGET", origin.removeprefix("http://"))
        )
        command = [
            "prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data",
            f"--web.listen-address=127.0.0.1:{port}", "--log.level=error",
        ]  # fmt: skip
        with running(command, tmp_path / "prometheus.log", cwd=tmp_path):
            # A rate needs two readings.
            read_twice = "count_over_time(portal_database_up[5m]) >= 2"
            wait_until(lambda: bool(found(address, read_twice)), "a second reading", seconds=60)
            empty = {query for query in asked if not found(address, query.replace("$client", ".*"))}
    assert empty == set()


def found(address: str, query: str) -> list[object]:
    """Return what Prometheus finds; nothing while it is not there yet."""
    asked = urllib.parse.urlencode({"query": query})
    try:
        with urllib.request.urlopen(f"{address}/api/v1/query?{asked}", timeout=10) as answer:
            result: list[object] = json.load(answer)["data"]["result"]
            return result
    except urllib.error.HTTPError as error:
        if error.code == 503:  # it is still starting
            return []
        raise AssertionError(f"{query}: {error.read().decode()}") from error
    except urllib.error.URLError:
        return []


def sign_in(app: Flask, client: FlaskClient, sandbox: SandboxServer) -> None:
    """Have somebody sign in, and somebody else try to redeem what they have not."""
    with app.app_context():
        stage = factories.stage(sandbox, enrolled=True, enrolment="invited")
    secrets = {"client_id": stage.client_id, "redirect_uri": stage.redirect_uri}
    okta = RelyingParty(app.test_client(), client_secret=stage.client_secret, **secrets)
    person = Person(client, sandbox.origin)
    request = okta.authorization(login_hint=stage.login)
    person.open(request.url)
    person.press("Start camera check")
    person.press()
    okta.redeem(person.arrival, request)
    refused = client.post(
        "/v1/openid/token", data=secrets | {"client_secret": "wrong", "grant_type": "authorization_code"}
    )
    assert refused.status_code == 401
    assert client.get("/scim/v2/Users").status_code == 401


def let_things_go_wrong(app: Flask, client: FlaskClient) -> None:
    """Leave behind what a quiet portal has not: refusals, dead letters, an upstream that is away."""

    def given_up(payload: object) -> None:
        raise outbox.OutboxFailure("No.", final=True)

    outbox.handles(app, "test.dead", given_up)
    outbound = Outbound(retries=0, breaker_failures=1, party="test")
    with pytest.raises(OutboundUnavailable), outbound.breaker("https://api.example.com").guard():
        outbound.get("http://127.0.0.1:9/")
    with app.app_context():
        record(Event.JOURNEY_REFUSED, client_id="acme", user_id="u", reason="suspended")
        outbox.enqueue("test.dead", {})
        db.session.commit()
        outbox.run_due()
        outbox.enqueue("test.waiting", {})
        db.session.add(ScheduledJob(name="test.job", due_at=clock.now(), succeeded_at=clock.now()))
        db.session.add(AuditSink(name="webhook", sequence=0))
        db.session.commit()
