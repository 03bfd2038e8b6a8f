"""What holds for the answers of all addresses alike."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.page_checks import content_security_policy
from tests.structure.test_urls import POLICIES, bring_nothing, with_a_key

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def test_every_answer_forbids_what_it_does_not_need(app: Flask, client: FlaskClient) -> None:
    with_a_key(app)
    for url, address in POLICIES.items():
        for method in (*address.methods, "PROPFIND"):
            headers = bring_nothing(client, url, method).headers
            policy = content_security_policy(headers)
            forbidden = [policy[name] for name in ("default-src", "base-uri", "frame-ancestors")]
            assert forbidden == [["'none'"]] * 3, (method, url)
            assert "unsafe" not in str(policy), (method, url)
            assert headers["X-Content-Type-Options"] == "nosniff", (method, url)
            assert headers["Referrer-Policy"] in ("same-origin", "no-referrer"), (method, url)
            kind = headers.get("Content-Type", "")
            assert "charset=utf-8" in kind or not kind.startswith("text/"), (method, url, kind)


NO_FILES = (
    "/.git/config",
    "/.env",
    "/config/default.toml",
    "/static",
    "/static/",
    "/static/css",
    "/static/css/",
    "/static/../wsgi.py",
    "/static/%2e%2e/wsgi.py",
    "/static/css/..%2f..%2fwsgi.py",
    "/static/..\\wsgi.py",
    "/static//etc/passwd",
    "/static/css/portal.css%00.txt",
)


def test_nothing_but_a_static_file_is_served_and_no_folder_is_listed(client: FlaskClient) -> None:
    for path in NO_FILES:
        answer = client.get(path)
        assert answer.status_code == 404, path
        assert "create_app" not in answer.text
