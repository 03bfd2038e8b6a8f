"""Traces show where time goes, and nothing that must not leave the portal."""

import subprocess
import sys
from urllib.parse import parse_qsl, urlsplit

import pytest

from portal import outbox, spans
from portal.extensions import db
from portal.http import Outbound, OutboundUnavailable
from portal.models import Journey
from portal.settings import SettingsError
from portal.tracing import provider, statements
from tests.production import serving
from tests.support import factories
from tests.support.machine import TOP
from tests.support.person import Person
from tests.support.portal_app import make_app
from tests.support.relying_party import RelyingParty
from tests.tracing.collector import collecting, facts

traced = pytest.mark.settings(tracing=True)
only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def collector(monkeypatch):
    with collecting() as listening:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", listening.origin)
        yield listening
        spans.watch(None)
        provider.stop()


@traced
def test_a_sign_in_is_seen_and_nothing_that_it_carried(app, client, sandbox_server, collector):
    with app.app_context():
        stage = factories.stage(sandbox_server, enrolled=True, enrolment="invited")
    okta = RelyingParty(
        app.test_client(), client_id=stage.client_id, client_secret=stage.client_secret,
        redirect_uri=stage.redirect_uri,
    )  # fmt: skip
    person = Person(client, sandbox_server.origin)
    request = okta.authorization(login_hint=stage.login)
    # Somebody outside would like to say which trace this is, and that it is to be recorded.
    strangers = "4bf92f3577b34da6a3ce929d0e0e4736"
    client.environ_base["HTTP_TRACEPARENT"] = f"00-{strangers}-00f067aa0ba902b7-01"
    person.open(request.url)
    person.press("Start camera check")
    person.press()
    arrival = person.arrival
    tokens = okta.redeem(arrival, request)
    assert provider.flush()

    found = collector.spans
    by_id = {span.span_id: span for span in found}
    named = {span.name: span for span in found}
    assert {"GET /v1/openid/authorize", "GET /v1/openid/verify-result", "POST /v1/openid/token"} <= set(named)
    assert facts(named["POST /v1/openid/token"])["http.response.status_code"] == 200
    assert collector.services == {"verification-portal"}

    requests = [span for span in found if "http.route" in facts(span)]
    assert all(not span.parent_span_id and span.trace_id.hex() != strangers for span in requests)
    call = named["call verifeye"]
    assert "http.route" in facts(by_id[call.parent_span_id])
    assert facts(call)["portal.outcome"] == "2xx"
    told = [span for span in found if "db.query.summary" in facts(span)]
    # One by the ORM, one by a statement that goes past it, and the redemption.
    assert {"SELECT users", "UPDATE journeys"} <= {span.name for span in told}
    redeeming = named["POST /v1/openid/token"].span_id
    assert any("authorization_grants" in span.name for span in told if span.parent_span_id == redeeming)
    assert all(span.parent_span_id in by_id for span in told)

    with app.app_context():
        reference = db.session.query(Journey).one().reference
    # The log's line of each request has it from the same place.
    without = [span.name for span in requests if facts(span).get("portal.journey") != reference]
    of_nobody = ("/static/", "/.well-known/", "/v1/openid/jwks")
    assert [name for name in without if not any(part in name for part in of_nobody)] == []

    sent = b"".join(collector.bodies)
    queries = [urlsplit(url).query for url in (*person.visited, arrival.url, request.url)]
    secrets = {value for query in queries for _name, value in parse_qsl(query) if len(value) > 8}
    secrets |= {stage.client_secret, stage.login, tokens.access_token, tokens.id_token, stage.user_id}
    assert len(secrets) > 10
    assert [value for value in secrets if value.encode() in sent] == []
    assert b"?" not in b"".join(span.name.encode() for span in found)


@only_sqlite
@traced
def test_work_of_the_outbox_is_seen_with_its_calls_and_says_nothing_of_what_failed(context, collector):
    outbound = Outbound(party="elsewhere", retries=0)
    outbound_away = Outbound(party="away", retries=0, connect_timeout=0.5)

    def handle(payload):
        outbound.get(f"{collector.origin}/elsewhere?code=secret-of-a-query")
        db.session.execute(db.text("SELECT 'secret-of-a-statement' FROM users"))
        with pytest.raises(OutboundUnavailable):
            outbound_away.get("http://127.0.0.1:9/secret-of-a-path")
        raise RuntimeError("secret-of-an-exception")

    outbox.handles(context, "test.topic", handle)
    outbox.enqueue("test.topic", {"address": "secret-of-a-payload"})
    db.session.commit()
    outbox.run_due()
    assert provider.flush()
    named = {span.name: span for span in collector.spans}
    message = named["outbox test.topic"]
    assert facts(message)["error.type"] == "RuntimeError"
    assert {named[name].parent_span_id for name in ("call elsewhere", "call away", "SELECT users")} == {
        message.span_id
    }
    assert facts(named["call away"])["portal.outcome"] == "unavailable"
    assert b"secret-of" not in b"".join(collector.bodies)
    # Nobody outside is told the operator's trace.
    assert [name for name in collector.others[0] if "TRACE" in name or "BAGGAGE" in name] == []


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("SELECT users.id FROM users WHERE users.login = %(login)s", "SELECT users"),
        ('\n  insert into "grants" (id) VALUES (?)', "INSERT grants"),
        ("WITH spent AS (UPDATE grants SET spent = 1 RETURNING id) SELECT id FROM spent", "WITH grants"),
        ("PRAGMA journal_mode=WAL", "PRAGMA"),
        ("(SELECT 1)", "SELECT"),
        ("", "SQL"),
    ],
)
def test_a_statement_is_told_by_its_kind_and_table(statement, said):
    assert statements.summary(statement) == said


OFF = """
import sys
from portal.app import create_app
create_app()
print(sorted(name for name in sys.modules if name.split(".")[0] in ("opentelemetry", "google", "requests")))
print("portal.tracing.provider" in sys.modules)
"""


def test_nothing_of_it_is_imported_while_it_is_off():
    environment = {"PORTAL_CONFIG": "config/test.toml", "PORTAL_DATABASE_URL": "sqlite://"}
    done = subprocess.run(
        [sys.executable, "-c", OFF], cwd=TOP, env=environment, capture_output=True, text=True, timeout=60,
        check=True,
    )  # fmt: skip
    assert done.stdout.split("\n")[:2] == ["[]", "False"]


@only_sqlite
@pytest.mark.parametrize(
    ("name", "value"), [("OTEL_TRACES_EXPORTER", "zipkin"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]
)
def test_what_is_not_there_is_refused_at_start(database, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name):
        make_app(database, tracing=True)


@only_sqlite
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "many", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "-4", "OTEL_SPAN_EVENT_COUNT_LIMIT"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "100000", "max_export_batch_size"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "max_queue_size"),
    ],
)
def test_a_value_that_the_sdk_does_not_take_is_refused_at_start_and_not_in_each_request(
    database, monkeypatch, name, value, words
):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=words):
        make_app(database, tracing=True)


@only_sqlite
def test_missing_packages_are_named_at_start(database, monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    for name in [name for name in sys.modules if name.startswith("portal.tracing.")]:
        monkeypatch.delitem(sys.modules, name)
        monkeypatch.delattr("portal.tracing." + name.rpartition(".")[2])
    with pytest.raises(SettingsError, match="requirements-tracing"):
        make_app(database, tracing=True)


@only_sqlite
def test_every_worker_of_gunicorn_sends_its_own(database, tmp_path):
    with collecting() as collector:
        given = {"PORTAL_TRACING": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.origin}
        serving.prepare(database)
        with serving.gunicorn(database, tmp_path, **given) as (_process, path):
            for _ in range(12):
                serving.get(path, "/v1/openid/jwks")
                serving.get(path, "/v1/openid/authorize?client_id=nobody")
        # Ended by now: what was not sent before was sent at the end.
        asked = [span for span in collector.spans if span.name == "GET /v1/openid/authorize"]
        assert len(asked) == 12
