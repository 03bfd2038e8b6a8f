"""Nothing that can be sent makes the sandbox stumble."""

import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.sandbox import SandboxWarning, create_sandbox, read_configuration

CONFIGURATION = "0b5c7f4e-8a79-4e41-a58e-08dfd634f816"
KEY, ACCOUNT_KEY = "a-key", "the-account-key"
fixtures = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(
    [
        *("queryString", "securitySettings", "externalId", "faceId", "face", "outcome", "times", "operation"),
        *("id", "api_key", "passed_url", "failed_url", "verifiers", "face_mode", "status", "delay", "shape"),
    ]
)
paths = st.sampled_from(
    [
        *("/v1/signature/create", "/v1/signature/validate", "/v1/face/delete"),
        *("/sandbox/next", "/sandbox/configurations", "/sandbox/forget"),
    ]
)


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    configuration = read_configuration(
        {
            "id": CONFIGURATION,
            "api_key": KEY,
            "passed_url": "https://x.example",
            "failed_url": "https://x.example",
        }
    )
    database = tmp_path_factory.mktemp("odd") / "sandbox.sqlite3"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SandboxWarning)
        app = create_sandbox(database, configurations=[configuration], account_key=ACCOUNT_KEY)
    app.config["PROPAGATE_EXCEPTIONS"] = True  # a stumble is a failed test and not a page with 500
    return app.test_client()


@fixtures
@given(path=paths, document=st.dictionaries(names, json_values, max_size=5) | json_values)
def test_no_document_is_too_odd(client, path, document):
    key = KEY if path.startswith("/v1") else ACCOUNT_KEY
    answer = client.post(path, json=document, headers={"Authorization": f"ApiKey {key}"})
    assert answer.status_code < 500


@fixtures
@given(path=paths, body=st.binary(max_size=60), header=st.text(st.characters(max_codepoint=255), max_size=12))
def test_no_body_or_header_is_too_odd(client, path, body, header):
    header = "".join(character for character in header if character.isprintable())
    assert client.post(path, data=body, headers={"Authorization": f"ApiKey {header}"}).status_code < 500


@fixtures
@given(query=st.text(st.characters(max_codepoint=255), max_size=60), path=st.text(max_size=12))
def test_no_address_is_too_odd(client, query, path):
    for place in (f"/verification/{CONFIGURATION}", "/v1/verification/get-session-result", "/sandbox/"):
        headers = {"Authorization": f"ApiKey {KEY}"}
        environ = {"QUERY_STRING": query}
        assert client.get(place, headers=headers, environ_overrides=environ).status_code < 500
    assert client.get("/verification/" + path.replace("?", "").replace("#", "")).status_code < 500


@fixtures
@given(fields=st.dictionaries(st.sampled_from(["session", "face", "outcome", "leave"]), st.text(max_size=8)))
def test_no_form_is_too_odd(client, fields):
    assert client.post(f"/verification/{CONFIGURATION}", data=fields).status_code < 500
