"""``flask user``."""

import json
import stat
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner

from tests.cli.commands import UUID, add_verification, document, done, refused, run

ADA = (
    "--email",
    "Ada.L@acme.example",
    "--given-name",
    "Ada",
    "--family-name",
    "Lovelace",
    "--okta-id",
    "00u1",
)


def test_a_person_is_found_by_every_name_in_any_case(runner: FlaskCliRunner) -> None:
    made = document(runner, "user", "add", "ada@acme.example", *ADA)
    for name in ("ada@acme.example", "ADA@ACME.EXAMPLE", "ada.l@acme.example", "00u1", made["id"]):
        assert document(runner, "user", "show", name)["id"] == made["id"]
    assert [person["login"] for person in document(runner, "user", "list")] == ["ada@acme.example"]


def test_a_login_or_okta_id_is_taken_once(runner: FlaskCliRunner) -> None:
    done(runner, "user", "add", "ada@acme.example", *ADA)
    assert "already" in refused(runner, "user", "add", "ADA@acme.example")
    assert "already" in refused(runner, "user", "add", "other@acme.example", "--okta-id", "00u1")


@pytest.mark.parametrize(
    "arguments",
    [
        ("",),
        ("   ",),
        ("line\nbreak",),
        ("a" * 321,),
        ("half\udcff",),
        ("ada@acme.example", "--email", "a" * 321),
        ("ada@acme.example", "--given-name", "bell\a"),
        ("ada@acme.example", "--family-name", "a" * 201),
        ("ada@acme.example", "--okta-id", "0" * 65),
    ],
)
def test_what_cannot_be_kept_is_refused(runner: FlaskCliRunner, arguments: tuple[str, ...]) -> None:
    assert "characters" in refused(runner, "user", "add", *arguments)
    assert document(runner, "user", "list") == []


def test_enrolled_means_at_every_configuration(runner: FlaskCliRunner) -> None:
    assert "no verification configuration" in refused(runner, "user", "add", "ada", "--enrolled")
    assert document(runner, "user", "list") == []
    add_verification(runner)
    add_verification(runner, uuid=UUID.replace("0", "1"))
    made = document(runner, "user", "add", "ada", "--enrolled")
    assert [item["state"] for item in made["enrolments"]] == ["confirmed", "confirmed"]


def test_a_person_is_suspended_and_resumed(runner: FlaskCliRunner) -> None:
    done(runner, "user", "add", "ada")
    done(runner, "user", "suspend", "ada")
    assert "already" in done(runner, "user", "suspend", "ada")
    assert document(runner, "user", "show", "ada")["status"] == "suspended"
    done(runner, "user", "resume", "ada")
    assert document(runner, "user", "show", "ada")["status"] == "active"


def test_erasing_asks_first_leaves_a_tombstone_and_has_the_face_deleted(runner: FlaskCliRunner) -> None:
    add_verification(runner)
    made = document(runner, "user", "add", "ada@acme.example", *ADA, "--enrolled")
    assert run(runner, "user", "erase", "ada@acme.example", given="no\n").exit_code == 1
    assert document(runner, "user", "show", "ada@acme.example")["status"] == "active"
    done(runner, "user", "erase", "ada@acme.example", "--yes")
    left = document(runner, "user", "show", made["id"])
    assert (left["status"], left["email"], left["given_name"], left["enrolments"]) == (
        "erased",
        None,
        None,
        [],
    )
    assert left["login"] == f"erased:{made['id']}"
    assert {message["topic"] for message in document(runner, "outbox", "list")} == {
        "okta.registration",
        "users.delete_face",
    }
    assert "already" in done(runner, "user", "erase", made["id"], "--yes")
    assert "tombstone" in refused(runner, "user", "resume", made["id"])


def test_nobody_is_said_plainly(runner: FlaskCliRunner) -> None:
    assert done(runner, "user", "list").startswith("There is nobody")
    for name in ("nobody", "", "a" * 4000):
        assert "Nobody" in refused(runner, "user", "show", name)
    assert "not valid text" in refused(runner, "user", "show", "half\udcff")


def test_a_name_that_the_terminal_cannot_show_stops_nothing(app: Flask) -> None:
    for login in ("山田@acme.example", "zoë@acme.example"):
        done(app.test_cli_runner(), "user", "add", login)
    western = app.test_cli_runner(charset="latin-1")
    listed = done(western, "user", "list")
    assert "\\u5c71\\u7530@acme.example" in listed
    assert "zoë@acme.example" in listed
    assert "is suspended" in done(western, "user", "suspend", "山田@acme.example")


def test_stored_text_does_not_steer_the_terminal(runner: FlaskCliRunner) -> None:
    add_verification(runner)
    done(runner, "user", "add", "ada", "--given-name", "Zoë")
    assert "Zoë" in done(runner, "user", "show", "ada")
    assert "\\u00eb" in done(runner, "user", "show", "ada", "--json")


WHOLE = (
    *ADA,
    *("--middle-name", "King", "--birthdate", "1915-12-10", "--phone-number", "+44 20 7946 0018"),
    *("--address", "street_address=12 St James's Square", "--address", "locality=London"),
    *("--address", "postal_code=SW1Y 4JH", "--address", "country=GB"),
)
ADDRESS = {
    "street_address": "12 St James's Square",
    "locality": "London",
    "postal_code": "SW1Y 4JH",
    "country": "GB",
}


def test_the_whole_record_is_kept_and_shown(runner: FlaskCliRunner) -> None:
    made = document(runner, "user", "add", "ada@acme.example", *WHOLE)
    assert made == document(runner, "user", "show", "ada@acme.example")
    assert (made["middle_name"], made["birthdate"], made["phone_number"], made["address"]) == (
        "King", "1915-12-10", "+442079460018", ADDRESS,
    )  # fmt: skip
    shown = done(runner, "user", "show", "ada@acme.example")
    for needed in ("King", "1915-12-10", "+442079460018", "street_address: 12 St James's Square", "London"):
        assert needed in shown


def test_a_record_is_changed_part_by_part_and_what_is_empty_is_removed(runner: FlaskCliRunner) -> None:
    done(runner, "user", "add", "ada@acme.example", *WHOLE)
    said = done(
        runner, "user", "change", "ada@acme.example", "--middle-name", "", "--family-name", "King",
        "--address", "locality=Nottingham", "--address", "postal_code=",
    )  # fmt: skip
    assert "address, family name, middle name" in said
    changed = document(runner, "user", "change", "00u1", "--okta-id", "00u2", "--login", "king@acme.example")
    assert (changed["login"], changed["okta_id"], changed["middle_name"]) == (
        "king@acme.example", "00u2", None,
    )  # fmt: skip
    assert changed["address"] == {
        "street_address": ADDRESS["street_address"], "locality": "Nottingham", "country": "GB",
    }  # fmt: skip
    assert (changed["birthdate"], changed["given_name"]) == ("1915-12-10", "Ada")
    assert "Nothing is different" in done(runner, "user", "change", "00u2", "--given-name", "Ada")


def test_nobody_is_changed_into_somebody_else_or_out_of_the_grave(runner: FlaskCliRunner) -> None:
    made = document(runner, "user", "add", "ada@acme.example", *ADA)
    done(runner, "user", "add", "other@acme.example")
    assert "already" in refused(runner, "user", "change", "other@acme.example", "--okta-id", "00u1")
    assert "already" in refused(runner, "user", "change", "other@acme.example", "--login", "ADA@acme.example")
    done(runner, "user", "erase", "ada@acme.example", "--yes")
    assert "tombstone" in refused(runner, "user", "change", made["id"], "--given-name", "Ada")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--birthdate", "10/12/1815"), "YYYY-MM-DD"),
        (("--phone-number", "020 7946 0018"), "country code"),
        (("--address", "London"), "--address locality=London"),
        (("--address", "planet=Earth"), "street_address, locality, region, postal_code, country"),
        (("--middle-name", "a" * 201), "characters"),
    ],
)
def test_a_detail_that_could_not_be_compared_is_refused(
    runner: FlaskCliRunner, arguments: tuple[str, ...], sentence: str
) -> None:
    assert sentence in refused(runner, "user", "add", "ada@acme.example", *arguments)
    assert document(runner, "user", "list") == []
    done(runner, "user", "add", "ada@acme.example", *ADA)
    assert sentence in refused(runner, "user", "change", "ada@acme.example", *arguments)


def test_what_is_held_about_a_person_is_exported(runner: FlaskCliRunner, tmp_path: Path) -> None:
    add_verification(runner)
    made = document(runner, "user", "add", "ada@acme.example", *ADA, "--enrolled")
    told = json.loads(done(runner, "user", "export", "00u1"))
    assert told["user_id"] == made["id"]
    assert told["person"][0]["family_name"] == "Lovelace"
    assert {row["event"] for row in told["audit"]} == {"users:user:added", "users:enrolment:confirmed"}
    file = tmp_path / "ada.json"
    file.write_text("older")
    file.chmod(0o644)
    assert "ada.json" in done(runner, "user", "export", made["id"], "--output", str(file))
    assert json.loads(file.read_text())["enrolments"] == told["enrolments"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file], "no draft is left"


@pytest.mark.parametrize("name", ["no/such/folder/file", "a\0b", "."])
def test_a_file_that_cannot_be_written_is_said_plainly(
    runner: FlaskCliRunner, tmp_path: Path, name: str
) -> None:
    made = document(runner, "user", "add", "ada@acme.example")
    assert "cannot be written" in refused(
        runner, "user", "export", made["id"], "--output", f"{tmp_path}/{name}"
    )
    assert list(tmp_path.iterdir()) == []
