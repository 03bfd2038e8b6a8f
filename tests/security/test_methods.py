"""Methods that nobody needs are refused, and no foreign script is let in."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.structure.test_urls import POLICIES, path_of, with_a_key

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "NONSENSE"])
def test_a_method_of_no_policy_is_refused_everywhere(client: FlaskClient, method: str) -> None:
    for url in POLICIES:
        answer = client.open(path_of(url), method=method, headers={"X-Told": "back-to-me"})
        assert answer.status_code == 405, url
        assert set(answer.headers["Allow"].split(", ")) >= POLICIES[url].methods, url
        assert "back-to-me" not in answer.text


def test_no_other_origin_may_read_an_answer(app: Flask) -> None:
    """No CORS header anywhere: no browser program is a client of the portal."""
    with_a_key(app)
    plain = FlaskClient(app, app.response_class)  # an answer to OPTIONS is no page
    for url, policy in POLICIES.items():
        for method in [*policy.methods, "OPTIONS"]:
            answer = plain.open(
                path_of(url),
                method=method,
                base_url="https://portal.test",
                headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"},
            )
            answer.close()
            assert not [name for name, _ in answer.headers if name.startswith("Access-Control")], url
