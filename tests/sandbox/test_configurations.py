import json

import pytest

from portal.sandbox import ConfigurationError, SandboxWarning, create_sandbox, read_configuration
from portal.sandbox.store import Store

GOOD = {
    "id": "0b5c7f4e8a794e41a58e08dfd634f816",
    "api_key": "a-key",
    "passed_url": "https://portal.example/result",
    "failed_url": "https://portal.example/result",
}


def test_four_settings_are_enough():
    configuration = read_configuration(GOOD)
    assert configuration.id == "0b5c7f4e-8a79-4e41-a58e-08dfd634f816"
    assert configuration.face_mode == "UniqueMatchVerification"
    assert configuration.collection == configuration.id


def test_a_configuration_survives_being_written_and_read():
    document = {
        **GOOD,
        "verifiers": ["liveness", "age", "face"],
        "face_mode": "matchverification",
        "name": "Übung",
    }
    configuration = read_configuration(document)
    assert read_configuration(json.loads(json.dumps(configuration.as_document()))) == configuration


def test_the_key_is_not_in_the_repr():
    assert "a-key" not in repr(read_configuration(GOOD))


@pytest.mark.parametrize(
    "change",
    [
        {"id": "x"},
        {"id": 7},
        {"api_key": ""},
        {"api_key": "a b"},
        {"api_key": "k\u00e9y"},
        {"passed_url": "javascript:alert(1)"},
        {"passed_url": "https://portal.example/\r\nX: 1"},
        {"failed_url": "https://portal.example/#x"},
        {"webhook_url": "nowhere"},
        {"webhook_url": 7},
        {"face_mode": "Sometimes"},
        {"face_mode": 7},
        {"verifiers": "liveness"},
        {"verifiers": ["smile"]},
        {"verifiers": [7]},
        {"verifiers": [[]]},
        {"age_threshold": "18"},
        {"age_threshold": 500},
        {"force_signed_input": "yes"},
        {"name": 7},
        {"collection": []},
        {"misspelt": True},
    ],
)
def test_a_setting_that_cannot_be_used_is_named(change):
    with pytest.raises(ConfigurationError) as error:
        read_configuration({**GOOD, **change})
    assert next(iter(change)) in str(error.value)


@pytest.mark.parametrize("document", [None, [], "x", 7, {}])
def test_what_is_no_configuration_is_refused(document):
    with pytest.raises(ConfigurationError):
        read_configuration(document)


def test_a_sandbox_always_warns(tmp_path):
    with pytest.warns(SandboxWarning, match="verifies nobody"):
        create_sandbox(tmp_path / "s.sqlite3")


def test_configurations_come_from_a_file(tmp_path):
    listed = tmp_path / "sandbox.json"
    listed.write_text(json.dumps({"configurations": [GOOD]}))
    with pytest.warns(SandboxWarning):
        create_sandbox(tmp_path / "s.sqlite3", configurations_file=listed)
    with Store(tmp_path / "s.sqlite3").transaction() as records:
        assert [one.api_key for one in records.configurations()] == ["a-key"]


@pytest.mark.parametrize("content", ["", "{}", "[7]", "null"])
def test_a_file_that_cannot_be_used_is_an_error(tmp_path, content):
    listed = tmp_path / "sandbox.json"
    listed.write_text(content)
    with pytest.warns(SandboxWarning), pytest.raises(ConfigurationError):
        create_sandbox(tmp_path / "s.sqlite3", configurations_file=listed)


def test_without_an_account_key_no_orders_are_taken(tmp_path):
    with pytest.warns(SandboxWarning):
        client = create_sandbox(tmp_path / "s.sqlite3").test_client()
    answer = client.post("/sandbox/next", json={}, headers={"Authorization": "ApiKey x"})
    assert answer.status_code == 403


def test_faces_survive_a_restart(tmp_path):
    with Store(tmp_path / "s.sqlite3").transaction() as records:
        records.store_face("c", "amara", "1")
    with Store(tmp_path / "s.sqlite3").transaction() as records:
        assert [face.who for face in records.faces("c")] == ["amara"]


def test_what_fails_in_the_middle_leaves_nothing_behind(tmp_path):
    store = Store(tmp_path / "s.sqlite3")

    def store_and_fail() -> None:
        with store.transaction() as records:
            records.store_face("c", "amara", "1")
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        store_and_fail()
    with store.transaction() as records:
        assert records.faces() == []
