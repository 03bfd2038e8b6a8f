"""Whatever goes wrong, a person gets a page and a program its own dialect, and neither gets a traceback."""

import logging

import pytest
from flask import Blueprint, Flask, abort, redirect
from flask.testing import FlaskClient
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import TooManyRequests

from portal.web import errors
from tests.page_checks import check_page

SECRET = "select 'hunter2'"


def add_view(app: Flask, error: Exception, path: str = "/broken") -> None:
    def broken() -> str:
        raise error

    app.add_url_rule(path, path, broken)


def in_json(problem: errors.Problem) -> ResponseReturnValue:
    return {"error": problem.status}, problem.status, dict(problem.headers)


def test_an_unknown_address(client: FlaskClient) -> None:
    answer = client.get("/nowhere")
    assert answer.status_code == 404
    assert "Page not found" in answer.text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "Wait a minute, then"),
        (60, "Wait a minute, then"),
        (91, "Wait about 2 minutes, then"),
        (3600, "Wait about 60 minutes, then"),
        (86_400, "Wait about 24 hours, then"),
    ],
)
def test_who_asked_too_often_reads_how_long_to_wait(
    app: Flask, client: FlaskClient, seconds: int | None, words: str
) -> None:
    add_view(app, TooManyRequests(retry_after=seconds))
    answer = client.get("/broken")
    assert (answer.status_code, words in answer.text) == (429, True)


def test_a_wrong_method_says_which_are_right(client: FlaskClient) -> None:
    answer = client.post("/pages/start")
    assert answer.status_code in (400, 405)
    answer = client.delete("/nowhere")
    assert answer.status_code == 404
    answer = client.get("/form")
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


def test_a_form_without_its_token_asks_to_load_the_page_again(client: FlaskClient) -> None:
    answer = client.post("/form")
    assert answer.status_code == 400
    assert "Please load this page again" in answer.text
    check_page(answer.text, answer.headers)


def test_the_reference_of_the_request_is_on_the_page(client: FlaskClient) -> None:
    assert "7KXM-2PQR" in client.get("/errors/404").text


def test_an_unexpected_error_says_nothing_of_itself(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    app.config.update(TESTING=False, PROPAGATE_EXCEPTIONS=False)
    add_view(app, RuntimeError(SECRET))
    answer = app.test_client().get("/broken")
    assert answer.status_code == 500
    assert SECRET not in answer.text
    check_page(answer.text, answer.headers)
    noted = next(record for record in caplog.records if record.message == "answered with an error page")
    assert getattr(noted, "reference") in answer.text  # noqa: B009 - an extra field, unknown to the type


def test_an_absent_database_is_a_503_and_its_parameters_stay_out_of_the_log(
    app: Flask, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    add_view(app, OperationalError(SECRET, {"password": SECRET}, Exception("connection refused")))
    with caplog.at_level(logging.ERROR):
        answer = client.get("/broken")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "10"
    assert "connection refused" in caplog.text
    assert SECRET not in caplog.text + answer.text
    check_page(answer.text, answer.headers)


def test_the_error_page_does_not_need_what_other_rooms_add(app: Flask, client: FlaskClient) -> None:
    @app.context_processor
    def wants_the_database() -> dict[str, object]:
        raise OperationalError("select 1", {}, Exception("gone"))

    answer = client.get("/nowhere")
    assert answer.status_code == 404
    assert "Page not found" in answer.text
    assert "/static/css/portal.css" in answer.text
    check_page(answer.text, answer.headers)


def test_the_failsafe_needs_no_request(app: Flask) -> None:
    problem = errors.Problem(500, "Title <here>", "Cause.", "Step.", "7KXM-2PQR")
    html = errors.failsafe(app, problem)
    assert "Title &lt;here&gt;" in html
    assert "7KXM-2PQR" in html


def test_addresses_of_programs_answer_in_their_dialect(app: Flask, client: FlaskClient) -> None:
    errors.dialect(app, "/scim/v2", in_json)
    add_view(app, OperationalError("select 1", {}, Exception("gone")), "/scim/v2/Users")
    assert client.get("/scim/v2/Nothing").json == {"error": 404}
    assert client.put("/scim/v2/Users").status_code in (400, 405)
    answer = client.get("/scim/v2/Users")
    assert answer.json == {"error": 503}
    assert answer.headers["Retry-After"] == "10"
    assert "text/html" in client.get("/scim/v2-other").content_type


def test_an_unexpected_error_under_a_programs_address_is_in_its_dialect_too(app: Flask) -> None:
    app.config.update(TESTING=False, PROPAGATE_EXCEPTIONS=False)
    errors.dialect(app, "/scim/v2", in_json)
    add_view(app, RuntimeError(SECRET), "/scim/v2/Users")
    answer = app.test_client().get("/scim/v2/Users")
    assert (answer.status_code, answer.json) == (500, {"error": 500})


def test_the_longest_prefix_wins(app: Flask, client: FlaskClient) -> None:
    errors.dialect(app, "/a", in_json)
    errors.dialect(app, "/a/b", lambda problem: ("longer", problem.status))
    assert client.get("/a/b/c").text == "longer"
    assert client.get("/a/c").json == {"error": 404}


def test_a_blueprint_answers_what_its_own_views_raise(app: Flask, client: FlaskClient) -> None:
    machine = Blueprint("machine", "machine")
    errors.register(machine, in_json)

    @machine.get("/machine")
    def view() -> str:
        abort(403)

    app.register_blueprint(machine)
    assert client.get("/machine").json == {"error": 403}


def test_an_answer_that_a_view_aborts_with_is_left_alone(app: Flask, client: FlaskClient) -> None:
    @app.get("/elsewhere")
    def elsewhere() -> str:
        abort(redirect("/nowhere", code=303))

    assert client.get("/elsewhere").status_code == 303


def test_words_can_be_given_for_one_case(app: Flask) -> None:
    with app.test_request_context():
        answer = errors.page(
            400, title="A title", cause="A cause.", next_step="A step.", template="errors/displayed.html"
        )
    assert answer.status_code == 400
    for words in ("A title", "A cause.", "A step."):
        assert words in answer.get_data(as_text=True)
