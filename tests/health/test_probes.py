"""``/healthz`` and ``/readyz``: what they ask, and how little they say."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from portal.extensions import db
from tests.support import factories
from tests.support.moving_clock import MovingClock

PROBES = ("/healthz", "/readyz")


def fail(*_: object, **__: object) -> None:
    raise OperationalError("SELECT 1", {}, Exception("password=a-secret"))


@pytest.fixture
def key(app: Flask) -> None:
    with app.app_context():
        factories.signing_key()


@pytest.mark.usefixtures("key")
def test_a_portal_in_order_is_alive_and_ready(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "alive"}
    assert client.get("/readyz").json == {"status": "ready"}


def test_without_a_signing_key_it_is_not_ready(client: FlaskClient) -> None:
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json == {"status": "unavailable", "failing": "signing_keys"}


@pytest.mark.usefixtures("key")
def test_without_a_database_it_is_alive_and_not_ready(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.get("/readyz").status_code == 200
    with app.app_context():
        monkeypatch.setattr(db.engine, "connect", fail)
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json == {"status": "unavailable", "failing": "database"}
    assert client.get("/healthz").status_code == 200


@pytest.mark.usefixtures("key")
def test_tables_of_an_older_release_make_it_unready_after_some_seconds(
    app: Flask, client: FlaskClient, clock: MovingClock
) -> None:
    clock.advance(1)
    assert client.get("/readyz").status_code == 200
    with app.app_context():
        before = db.session.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
        db.session.execute(text("UPDATE alembic_version SET version_num = '20261121_0230'"))
        db.session.commit()
    try:
        assert client.get("/readyz").status_code == 200
        clock.advance(6)
        assert client.get("/readyz").json == {"status": "unavailable", "failing": "migrations"}
    finally:
        with app.app_context():
            db.session.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": before})
            db.session.commit()
    assert client.get("/readyz").status_code == 200


@pytest.mark.usefixtures("key")
def test_tables_of_a_newer_release_serve_while_machines_are_upgraded_one_by_one(
    app: Flask, client: FlaskClient
) -> None:
    with app.app_context():
        before = db.session.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
        db.session.execute(text("UPDATE alembic_version SET version_num = '20991231_2359'"))
        db.session.commit()
    try:
        assert client.get("/readyz").status_code == 200
    finally:
        with app.app_context():
            db.session.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": before})
            db.session.commit()


@pytest.mark.parametrize("path", PROBES)
def test_nothing_is_kept_and_no_cookie_is_set(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert response.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in response.headers


@pytest.mark.parametrize("path", PROBES)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_they_are_for_reading(client: FlaskClient, path: str, method: str) -> None:
    assert client.open(path, method=method).status_code == 405
