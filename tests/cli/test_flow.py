"""``flask flow``."""

import pytest
from flask.testing import FlaskCliRunner

from tests.cli.commands import add_client, add_verification, document, done, refused, run

OTHER = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
def client_id(runner: FlaskCliRunner) -> str:
    """A client of identity verification."""
    add_verification(runner)
    made: str = add_client(runner, profile="okta-idv")["client_id"]
    return made


def test_a_flow_needs_no_more_than_a_name(runner: FlaskCliRunner, client_id: str) -> None:
    said = done(runner, "flow", "add", client_id, "one")
    assert "idv_flow_one" in said
    (shown,) = document(runner, "flow", "list", client_id)
    created = shown.pop("created_at")
    assert created.endswith("Z") or "+" in created
    assert shown == {
        "client_id": client_id,
        "name": "one",
        "scope": "idv_flow_one",
        "purpose": "verify",
        "verification_id": None,
        "required_verifiers": [],
        "returns": None,
        "name_threshold": None,
    }


def test_everything_that_can_be_said_is_kept(runner: FlaskCliRunner, client_id: str) -> None:
    add_verification(runner, uuid=OTHER)
    made = document(
        runner, "flow", "add", client_id, "Two_2-", "--purpose", "recover", "--verification", OTHER.upper(),
        "--require", "liveness", "--require", "age", "--require", "age", "--returns", "values",
        "--name-threshold", "0.9",
    )  # fmt: skip
    assert made == document(runner, "flow", "show", client_id, "Two_2-")
    assert [made] == document(runner, "flow", "list", client_id)
    assert (made["purpose"], made["verification_id"], made["required_verifiers"]) == (
        "recover", OTHER, ["age", "liveness"],
    )  # fmt: skip
    assert (made["returns"], made["name_threshold"]) == ("values", 0.9)


def test_flows_are_listed_by_name_for_people_and_for_programs(runner: FlaskCliRunner, client_id: str) -> None:
    assert "flask flow add" in done(runner, "flow", "list", client_id)
    assert document(runner, "flow", "list", client_id) == []
    for name in ("unlock", "enrol", "recover"):
        done(runner, "flow", "add", client_id, name, "--purpose", name)
    assert [flow["name"] for flow in document(runner, "flow", "list", client_id)] == [
        "enrol",
        "recover",
        "unlock",
    ]
    listed = done(runner, "flow", "list", client_id).splitlines()
    assert listed[0].split() == ["NAME", "PURPOSE", "VERIFICATION", "RETURNS"]
    assert [line.split()[0] for line in listed[1:] if line.strip("- ")][-3:] == ["enrol", "recover", "unlock"]
    assert "idv_flow_enrol" in done(runner, "flow", "show", client_id, "enrol")


@pytest.mark.parametrize("name", ["", "a b", "a/b", "ü", "x" * 65, "a.b", "a\n", "*"])
def test_a_name_that_no_scope_could_carry_is_refused(
    runner: FlaskCliRunner, client_id: str, name: str
) -> None:
    assert "1 to 64 letters" in refused(runner, "flow", "add", client_id, name)
    assert "no flow" in refused(runner, "flow", "show", client_id, "none-such")
    assert document(runner, "flow", "list", client_id) == []


@pytest.mark.parametrize("threshold", ["0", "-1", "1.1", "nan", "inf"])
def test_a_threshold_lies_above_nought_and_is_at_most_one(
    runner: FlaskCliRunner, client_id: str, threshold: str
) -> None:
    assert "threshold" in refused(runner, "flow", "add", client_id, "one", f"--name-threshold={threshold}")
    assert document(runner, "flow", "list", client_id) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("--purpose", "steal"),
        ("--require", "mood"),
        ("--returns", "everything"),
        ("--name-threshold", "much"),
    ],
    ids=str,
)
def test_what_is_no_choice_is_refused_with_the_choices(
    runner: FlaskCliRunner, client_id: str, arguments: tuple[str, str]
) -> None:
    result = run(runner, "flow", "add", client_id, "one", *arguments)
    assert result.exit_code == 2
    assert "Invalid value" in result.stderr
    assert document(runner, "flow", "list", client_id) == []


def test_what_does_not_exist_is_said_in_one_sentence(runner: FlaskCliRunner, client_id: str) -> None:
    for command in (("list",), ("show", "one"), ("remove", "one", "--yes"), ("add", "one")):
        refused(runner, "flow", command[0], "nobody", *command[1:])
    refused(runner, "flow", "show", client_id, "none-such")
    refused(runner, "flow", "remove", client_id, "none-such", "--yes")
    refused(runner, "flow", "add", client_id, "one", "--verification", OTHER)
    refused(runner, "flow", "add", client_id, "one", "--verification", "nonsense")


def test_a_second_flow_of_the_name_is_refused_and_other_clients_are_not_concerned(
    runner: FlaskCliRunner, client_id: str
) -> None:
    done(runner, "flow", "add", client_id, "one", "--returns", "values")
    assert "already" in refused(runner, "flow", "add", client_id, "one")
    assert document(runner, "flow", "show", client_id, "one")["returns"] == "values"
    other = add_client(runner, "--client-id", "another", profile="oidc")["client_id"]
    done(runner, "flow", "add", other, "one")
    assert (
        len(document(runner, "flow", "list", client_id)) == len(document(runner, "flow", "list", other)) == 1
    )


def test_removing_asks_first(runner: FlaskCliRunner, client_id: str) -> None:
    done(runner, "flow", "add", client_id, "one")
    assert run(runner, "flow", "remove", client_id, "one", given="n\n").exit_code == 1
    assert len(document(runner, "flow", "list", client_id)) == 1
    assert "Removed the flow one" in done(runner, "flow", "remove", client_id, "one", "--yes")
    assert document(runner, "flow", "list", client_id) == []
    done(runner, "flow", "add", client_id, "one")


def test_a_verification_that_only_a_flow_uses_is_not_removed(runner: FlaskCliRunner, client_id: str) -> None:
    add_verification(runner, uuid=OTHER)
    done(runner, "flow", "add", client_id, "adults", "--verification", OTHER)
    assert "Clients still use it" in refused(runner, "verification", "remove", OTHER, "--yes")
