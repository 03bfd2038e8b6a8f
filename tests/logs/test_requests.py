"""One line for each request, which names its journey and not its query."""

import logging
import re

import pytest
from flask import Flask, Response, g
from flask.testing import FlaskClient

from portal import logs, settings
from tests.logs.reading import documents, lines
from tests.support.machine import TOP

log = logging.getLogger("portal.test")

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def journeys(app: Flask) -> None:
    """A page that knows its journey, and one that fails."""

    @app.get("/journey")
    def journey() -> Response:
        g.journey_reference = "7KXM-2PQR"
        log.info("inside")
        return Response("here", mimetype="text/plain")

    app.add_url_rule("/fails", view_func=lambda: 1 / 0, endpoint="fails")


def test_a_request_is_one_line_without_its_query(client: FlaskClient) -> None:
    with lines() as written:
        response = client.get("/nowhere?code=0123456789&login_hint=ada@acme.example")
    (line,) = documents(written, "portal.access")
    assert (line["method"], line["path"], line["status"]) == ("GET", "/nowhere", 404)
    assert line["duration_ms"] >= 0
    assert line["request_id"] == response.headers["X-Request-Id"]
    assert "ada@acme.example" not in "".join(written)


@pytest.mark.usefixtures("journeys")
def test_lines_of_one_request_share_its_id_and_its_journey(client: FlaskClient) -> None:
    with lines() as written:
        response = client.get("/journey")
    inside, access = documents(written, "portal.test") + documents(written, "portal.access")
    assert inside["reference"] == access["reference"] == "7KXM-2PQR"
    assert inside["request_id"] == access["request_id"] == response.headers["X-Request-Id"]


def test_the_id_is_ours_and_another_each_time(client: FlaskClient) -> None:
    ids = [client.get("/nowhere", headers={"X-Request-Id": "theirs"}).headers["X-Request-Id"] for _ in "ab"]
    assert len({*ids, "theirs"}) == 3
    assert all(re.fullmatch("[0-9a-f]{16}", one) for one in ids)


@pytest.mark.usefixtures("journeys")
def test_a_request_that_fails_has_its_line_too(app: Flask, client: FlaskClient) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = False
    with lines() as written:
        response = client.get("/fails")
    assert response.status_code == 500
    assert documents(written, "portal.access")[0]["status"] == 500


def test_a_path_cannot_forge_a_line(client: FlaskClient) -> None:
    with lines("text") as written:
        client.get("/a%0a2026-01-01T00:00:00.000Z%20INFO%20portal.audit%20forged")
    assert all(len(line.splitlines()) == 1 for line in written)


def test_probes_that_succeed_are_worth_a_line_at_debug_only(client: FlaskClient) -> None:
    with lines() as written:
        client.get("/healthz")
        client.get("/readyz")
    assert [line["level"] for line in documents(written, "portal.access")] == ["DEBUG", "INFO"]


def test_each_application_replaces_the_handler_of_the_one_before(app: Flask) -> None:
    ours = [one for one in logging.getLogger().handlers if type(one).__module__ == "portal.logs"]
    assert len(ours) == 1
    configured = settings.load({"PORTAL_CONFIG": str(TOP / "config" / "test.toml")}, log_level="DEBUG")
    try:
        logs.init_app(Flask("another"), configured)
        assert [one for one in logging.getLogger().handlers if type(one) is type(ours[0])] != ours
        for name in ("authlib", "joserfc", "urllib3"):
            assert logging.getLogger(name).level == logging.INFO
        assert logging.getLogger("sqlalchemy").level == logging.WARNING
    finally:
        logs.init_app(Flask("again"), app.extensions["portal.settings"])


def test_the_handler_writes_to_standard_error(app: Flask, capsys: pytest.CaptureFixture[str]) -> None:
    log.warning("to whom it may concern")
    said = capsys.readouterr()
    assert said.out == ""
    assert "to whom it may concern" in said.err


def test_a_command_hears_warnings_only(app: Flask, capsys: pytest.CaptureFixture[str]) -> None:
    with logs.at_least(logging.ERROR):
        log.warning("unheard")
    log.warning("heard")
    said = capsys.readouterr().err
    assert " heard" in said.replace('"', " ")
    assert "unheard" not in said
