"""Security headers: everything forbidden, except what the page being made has asked for."""

import gc
import re

import pytest
from flask import Flask, Response, make_response
from flask.testing import FlaskClient
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from portal.web import headers
from tests.page_checks import content_security_policy


def test_a_page_forbids_what_it_does_not_need(client: FlaskClient) -> None:
    answer = client.get("/pages/refused")
    policy = content_security_policy(answer.headers)
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == ["'none'"]
    assert policy["style-src"] == policy["img-src"] == policy["form-action"] == ["'self'"]
    assert re.fullmatch(r"'nonce-[0-9a-f]{32}'", policy["script-src"][0])
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "camera=()" in answer.headers["Permissions-Policy"]


def test_each_page_has_a_nonce_of_its_own(client: FlaskClient) -> None:
    first, second = (content_security_policy(client.get("/pages/start").headers)["script-src"] for _ in "12")
    assert first != second


def test_an_answer_without_scripts_allows_none(client: FlaskClient) -> None:
    assert content_security_policy(client.get("/static/css/portal.css", buffered=True).headers)[
        "script-src"
    ] == ["'none'"]


def test_the_start_page_may_ask_whether_there_is_a_camera(client: FlaskClient) -> None:
    assert "camera=(self)" in client.get("/pages/start").headers["Permissions-Policy"]


def test_strict_transport_is_demanded_only_where_it_is_used(client: FlaskClient) -> None:
    assert "Strict-Transport-Security" not in client.get("/pages/start").headers
    secure = client.get("/pages/start", base_url="https://portal.example")
    assert secure.headers["Strict-Transport-Security"] == "max-age=31536000"


@pytest.mark.parametrize(
    ("url", "source"),
    [
        ("https://acme.okta.com/oauth2/v1/authorize/callback?a=b", "https://acme.okta.com"),
        ("http://127.0.0.1:5001/cb", "http://127.0.0.1:5001"),
        ("https://user:word@Acme.example/", "https://acme.example"),
        ("com.example.app:/cb", "com.example.app:"),
        ("http://[::1]:5001/cb", "http:"),
        ("https://my_app.example/cb", "https:"),
        ("https://acme.example./cb", "https:"),
        ("https://a;b/", "https:"),
        ("https://a b/", "https:"),
        ("https://a,b/", "https:"),
        ("https://*/", "https:"),
    ],
)
def test_a_form_may_lead_to_an_origin(url: str, source: str) -> None:
    assert headers.form_action_source(url) == source


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/continue",
        "//acme.example/",
        "https://",
    ],
)
def test_what_is_no_origin_never_reaches_the_policy(url: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        headers.form_action_source(url)


def test_allowed_origins_belong_to_one_response(app: Flask, client: FlaskClient) -> None:
    @app.get("/allowed")
    def allowed() -> str:
        headers.allow_form_action("https://eu.example/capture")
        headers.allow_form_action("http://127.0.0.1:5001/cb", onward=True)
        return ""

    policy = content_security_policy(client.get("/allowed").headers)
    assert policy["form-action"] == ["'self'", "http:", "http://127.0.0.1:5001", "https://eu.example"]
    assert content_security_policy(client.get("/pages/start").headers)["form-action"] == ["'self'"]


def test_a_views_own_headers_are_left_alone(app: Flask, client: FlaskClient) -> None:
    @app.get("/keys")
    def keys() -> Response:
        answer = make_response("{}")
        answer.headers["Cache-Control"] = "public, max-age=300"
        answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return answer

    answer = client.get("/keys")
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"


def test_a_header_stands_once_however_a_view_writes_its_name(app: Flask, client: FlaskClient) -> None:
    @app.get("/framed")
    def framed() -> Response:
        return Response("", headers={"x-frame-options": "SAMEORIGIN", "cache-control": "max-age=1"})

    answer = client.get("/framed")
    assert answer.headers.getlist("X-Frame-Options") == ["SAMEORIGIN"]
    assert answer.headers.getlist("Cache-Control") == ["max-age=1"]
    assert answer.headers.getlist("X-Content-Type-Options") == ["nosniff"]


def test_what_is_no_response_of_flask_is_protected_too(app: Flask, client: FlaskClient) -> None:
    @app.get("/other")
    def other() -> BaseResponse:
        return BaseResponse("made by Werkzeug")

    @app.get("/wsgi")
    def wsgi() -> NotFound:
        return NotFound()

    for path, status in (("/other", 200), ("/wsgi", 404)):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["X-Frame-Options"]) == (status, "DENY")


def test_a_static_file_is_kept_for_good_only_under_its_own_hash(client: FlaskClient) -> None:
    page = client.get("/pages/start").text
    address = re.search(r'href="(/static/css/portal.css\?v=\w+)"', page)
    assert address is not None
    assert "immutable" in client.get(address[1], buffered=True).headers["Cache-Control"]
    for other in ("/static/css/portal.css", "/static/css/portal.css?v=0"):
        assert client.get(other, buffered=True).headers["Cache-Control"] == "no-cache"
    assert client.get("/static/css/none.css?v=0").headers["Cache-Control"] == "no-store"


def test_a_file_that_is_not_sent_is_closed(client: FlaskClient) -> None:
    # An unclosed file is a ResourceWarning, and a warning is an error here.
    with client.get("/static/img/favicon.svg", buffered=True) as whole:
        etag = whole.headers["ETag"]
    unchanged = client.get("/static/img/favicon.svg", headers={"If-None-Match": etag})
    assert (unchanged.status_code, unchanged.data) == (304, b"")
    only_headers = client.head("/static/img/favicon.svg")
    assert only_headers.status_code == 200
    assert int(only_headers.headers["Content-Length"]) == len(whole.data)
    del unchanged, only_headers
    gc.collect()
