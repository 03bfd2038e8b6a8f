"""What Prometheus reads, and who may."""

import subprocess
import sys

import pytest
from prometheus_client.parser import text_string_to_metric_families

from portal import clock as portal_clock
from portal import outbox
from portal.audit.events import Event
from portal.audit.log import record
from portal.extensions import db
from portal.http import Breaker, OutboundUnavailable
from portal.metrics import measures
from portal.models import ScheduledJob
from portal.settings import SettingsError
from portal.watch import exposition
from tests.support import factories
from tests.support.machine import TOP
from tests.support.portal_app import make_app

TOKEN = {"Authorization": "Bearer test-only-metrics-token"}
only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def read(client):
    """Return every sample by its name and labels."""
    answer = client.get("/metrics", headers=TOKEN)
    assert answer.status_code == 200
    return samples(answer.text)


def samples(text):
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@only_sqlite
@pytest.mark.parametrize(
    "header", [None, "Bearer", "Bearer wrong", "Basic test-only-metrics-token", "Bearer \udcff"]
)
def test_nobody_reads_without_the_token(client, header):
    headers = (
        {} if header is None else {"Authorization": header.encode("latin-1", "replace").decode("latin-1")}
    )
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert b"portal_" not in answer.data


@only_sqlite
def test_an_address_may_be_let_in_without_a_token(database):
    app = make_app(database, metrics_token="", metrics_addresses=["10.1.0.0/24"])
    near = app.test_client().get("/metrics", environ_base={"REMOTE_ADDR": "10.1.0.9"})
    assert near.status_code == 200
    assert app.test_client().get("/metrics", environ_base={"REMOTE_ADDR": "10.2.0.9"}).status_code == 401
    with app.app_context():
        db.engine.dispose()


@only_sqlite
def test_there_is_no_such_page_until_somebody_is_let_in(database):
    app = make_app(database, metrics_token="")
    assert app.test_client().get("/metrics").status_code == 404
    with app.app_context():
        db.engine.dispose()


@only_sqlite
@pytest.mark.parametrize("wrong", [{"metrics_token": "short"}, {"metrics_addresses": ["everywhere"]}])
def test_unsafe_settings_are_refused(database, wrong):
    with pytest.raises(SettingsError, match="metrics_"):
        make_app(database, **wrong)


@only_sqlite
def test_requests_are_counted_by_endpoint_and_class_of_status(client):
    def of(endpoint, status):
        name = "portal_http_request_seconds_count"
        return read(client).get((name, ("endpoint", endpoint), ("status", status)), 0)

    before = of("health.alive", "2xx"), of("none", "4xx")
    client.get("/healthz")
    client.get("/nobody/was/here")
    assert (of("health.alive", "2xx"), of("none", "4xx")) == (before[0] + 1, before[1] + 1)


def test_the_state_of_the_database_is_told(app, client, clock):
    def given_up(payload):
        raise outbox.OutboxFailure("No.", final=True)

    outbox.handles(app, "test.dead", given_up)
    with app.app_context():
        outbox.enqueue("test.dead", {})
        db.session.commit()
        outbox.run_due()
        outbox.enqueue("test.topic", {})
        outbox.enqueue("test.topic", {}, delay=3600)
        factories.signing_key("ES256")
        db.session.add(ScheduledJob(name="test.job", due_at=portal_clock.now(), last_error="It failed."))
        db.session.commit()
    clock.advance(90)
    found = read(client)
    topic = ("topic", "test.topic")
    assert found[("portal_database_up",)] == 1
    assert found[("portal_outbox_waiting", topic)] == 2
    assert found[("portal_outbox_overdue_seconds", topic)] == 90
    assert found[("portal_outbox_oldest_seconds", topic)] == 90
    assert found[("portal_outbox_dead", ("topic", "test.dead"))] == 1
    assert found[("portal_job_failing", ("task", "test.job"))] == 1
    assert found[("portal_signing_key_age_seconds", ("alg", "ES256"))] >= 90
    assert found[("portal_audit_sealed",)] == 0


def test_a_database_that_is_away_is_told_and_what_was_counted_is_there(client, monkeypatch):
    def away(*_arguments, **_options):
        raise db.exc.OperationalError("SELECT", {}, Exception("away"))

    with client.application.app_context():
        monkeypatch.setattr(type(db.engine), "connect", away)
    found = read(client)
    assert found[("portal_database_up",)] == 0
    assert any(name == "portal_http_request_seconds_count" for name, *_labels in found)


@only_sqlite
def test_what_happens_to_journeys_is_counted_by_step_and_client(context, monkeypatch):
    def of(step, client):
        found = measures.REGISTRY.get_sample_value(
            "portal_journey_steps_total", {"step": step, "client": client}
        )
        return found or 0

    # Whatever this process counted before must not push the client among the others.
    monkeypatch.setattr(measures, "_seen", {})
    before = of("opened", "acme"), of("refused", "acme")
    record(Event.JOURNEY_OPENED, client_id="acme", user_id="u", profile="oidc", integrity_proven=True)
    record(Event.JOURNEY_REFUSED, client_id="acme", user_id="u", reason="suspended")
    assert (of("opened", "acme"), of("refused", "acme")) == (before[0] + 1, before[1] + 1)
    db.session.rollback()


def test_what_others_send_cannot_fill_the_memory():
    for number in range(3 * measures.MOST_VALUES):
        measures.event_happened("oidc:token:refused", f"client-{number}", {"error": f"error-{number}"})
    names = {
        sample.labels["error"]
        for family in measures.REGISTRY.collect()
        for sample in family.samples
        if sample.name == "portal_token_errors_total"
    }
    assert len(names) <= measures.MOST_VALUES + 2
    assert measures.OTHER in names


def test_no_label_names_a_person_or_a_journey(client):
    read(client)
    allowed = {"endpoint", "status", "event", "step", "client", "reason", "error", "state", "outcome",
               "party", "upstream", "topic", "result", "task", "alg", "sink", "le"}  # fmt: skip
    labels = {name for sample in read(client) for name, _value in sample[1:]}
    assert labels <= allowed


def test_a_breaker_tells_when_it_opens_and_closes(clock):
    told = []
    breaker = Breaker(failures=2, open_seconds=10, on_change=told.append)

    def fail():
        with pytest.raises(OutboundUnavailable), breaker.guard():
            raise OutboundUnavailable("away")

    fail()
    assert told == []
    fail()
    assert told == [True]
    clock.advance(11)
    with breaker.guard():
        pass
    assert told == [True, False]
    with breaker.guard():
        pass
    assert told == [True, False]


SEVERAL = """
import sys
from portal import metrics
metrics.request_ended("oidc.token", 200, 0.002)
metrics.breaker_moved("api.example.com", is_open=sys.argv[1] == "open")
"""
TOGETHER = """
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
registry = CollectorRegistry()
MultiProcessCollector(registry)
print(generate_latest(registry).decode())
"""


def test_processes_count_together(tmp_path):
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"}

    def run(script, *arguments):
        return subprocess.run(
            [sys.executable, "-c", script, *arguments], cwd=TOP, env=environment,
            check=True, capture_output=True, text=True, timeout=60,
        ).stdout  # fmt: skip

    run(SEVERAL, "open")
    run(SEVERAL, "closed")
    found = samples(run(TOGETHER))
    labels = (("endpoint", "oidc.token"), ("status", "2xx"))
    assert found[("portal_http_request_seconds_count", *labels)] == 2
    assert found[("portal_breaker_open", ("upstream", "api.example.com"))] == 1
    exposition.forget_the_dead(tmp_path)
    found = samples(run(TOGETHER))
    assert found[("portal_http_request_seconds_count", *labels)] == 2, "what was counted stays"
    assert ("portal_breaker_open", ("upstream", "api.example.com")) not in found
