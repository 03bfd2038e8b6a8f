"""Discovery and the key set are answered from memory, and what they tell is never older than two seconds."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from portal.extensions import db
from portal.oidc import clients, documents, registration
from tests.support import factories
from tests.support.moving_clock import MovingClock

KEYS = "/v1/openid/jwks"
DISCOVERY = "/.well-known/openid-configuration"

only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def new_key(app: Flask) -> None:
    with app.app_context():
        factories.signing_key("ES256")
        db.session.commit()


@only_sqlite
def test_the_second_answer_is_the_first_ones_bytes(app: Flask, client: FlaskClient) -> None:
    new_key(app)
    first, second = client.get(DISCOVERY), client.get(DISCOVERY)
    assert second.data == first.data
    kept = {name: value for name, value in first.headers.items() if name != "X-Request-Id"}
    assert dict(second.headers) == kept
    assert second.headers["Cache-Control"] == "public, max-age=300"
    assert second.headers["X-Content-Type-Options"] == "nosniff"


@only_sqlite
@pytest.mark.parametrize("warm", [False, True])
def test_an_unchanged_document_is_not_sent_again(app: Flask, client: FlaskClient, warm: bool) -> None:
    new_key(app)
    etag = client.get(KEYS).headers["ETag"]
    if not warm:
        app.extensions["portal.oidc.documents"].forget()
    unchanged = client.get(KEYS, headers={"If-None-Match": etag})
    assert (unchanged.status_code, unchanged.data) == (304, b"")
    assert unchanged.headers["ETag"] == etag
    assert client.get(KEYS, headers={"If-None-Match": '"another"'}).status_code == 200


@only_sqlite
@pytest.mark.parametrize("warm", [False, True])
def test_head_tells_the_length_and_sends_nothing(app: Flask, client: FlaskClient, warm: bool) -> None:
    new_key(app)
    if warm:
        client.get(KEYS)
    head = client.head(KEYS)
    assert head.data == b""
    assert int(head.headers["Content-Length"]) == len(client.get(KEYS).data)


@only_sqlite
def test_what_is_told_is_made_anew_after_a_while(app: Flask, client: FlaskClient, clock: MovingClock) -> None:
    new_key(app)
    before = client.get(KEYS).json["keys"]
    with app.app_context():
        factories.signing_key("RS256")
        db.session.commit()
    clock.advance(documents.REFRESH_SECONDS)
    assert len(client.get(KEYS).json["keys"]) == len(before) + 1


@only_sqlite
def test_strict_transport_is_told_to_https_alone(app: Flask, client: FlaskClient) -> None:
    new_key(app)
    for _ in range(2):
        assert "Strict-Transport-Security" not in client.get(KEYS, base_url="http://portal.example").headers
        assert "Strict-Transport-Security" in client.get(KEYS, base_url="https://portal.example").headers


def test_a_client_disabled_in_another_process_is_refused_after_a_moment(
    app: Flask, clock: MovingClock
) -> None:
    with app.app_context():
        made, _ = factories.oidc_client()
        db.session.commit()
        assert clients.find(made.id) is not None
        made.disabled_at = clock.now()  # as another process does it: nothing here is told
        db.session.commit()
        assert clients.find(made.id) is not None
        clock.advance(clients.REFRESH_SECONDS)
        assert clients.find(made.id) is None


@pytest.mark.parametrize(("end", "counts"), [("commit", True), ("rollback", False)])
def test_what_another_request_read_of_a_client_before_the_commit_is_forgotten_with_it(
    app: Flask, end: str, counts: bool
) -> None:
    with app.app_context():
        made, _ = factories.oidc_client()
        db.session.commit()
        client_id = made.id
        assert registration.disable(made)
        with app.app_context():
            assert clients.find(client_id) is not None, "it is not disabled yet"
        getattr(db.session, end)()
        assert (clients.find(client_id) is None) is counts


@pytest.mark.parametrize("step", [-3600, -1])
def test_a_clock_that_is_set_back_makes_no_client_last(app: Flask, clock: MovingClock, step: int) -> None:
    with app.app_context():
        made, _ = factories.oidc_client()
        db.session.commit()
        clients.find(made.id)
        made.disabled_at = clock.now()
        db.session.commit()
        clock.advance(step)
        assert clients.find(made.id) is None


@only_sqlite
def test_a_clock_that_is_set_back_makes_no_document_last(
    app: Flask, client: FlaskClient, clock: MovingClock
) -> None:
    new_key(app)
    before = client.get(KEYS).json["keys"]
    with app.app_context():
        factories.signing_key("RS256")
        db.session.commit()
    clock.advance(-3600)
    assert len(client.get(KEYS).json["keys"]) == len(before) + 1


def test_a_client_disabled_here_is_refused_at_once(app: Flask) -> None:
    with app.app_context():
        made, _ = factories.oidc_client()
        db.session.commit()
        assert clients.find(made.id) is not None
        record = registration.find(made.id)
        assert record is not None
        registration.disable(record)
        db.session.commit()
        assert clients.find(made.id) is None
