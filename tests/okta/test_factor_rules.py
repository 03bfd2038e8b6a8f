"""Okta's rules for the factor's claims."""

from typing import Any

import pytest

from portal.okta.simulator import State
from portal.okta.simulator.checks import Ledger
from portal.okta.simulator.validation import factor_claims

LOGIN = "amara@acme.example"


def judged(claims: dict[str, Any], *, login: str | None = LOGIN, trust: bool = True) -> list[tuple[str, str]]:
    ledger = Ledger()
    factor_claims(ledger, claims, claims, login=login, trust=trust)
    return [(check.rule, check.state.value) for check in ledger.checks]


@pytest.mark.parametrize(
    ("name", "login", "state"),
    [
        (LOGIN, LOGIN, "ok"),
        ("Amara@acme.example", LOGIN, "warning"),
        ("bela@acme.example", LOGIN, "broken"),
        ("", LOGIN, "broken"),
        (None, LOGIN, "broken"),
        (["amara"], LOGIN, "broken"),
        (LOGIN, None, "warning"),
    ],
)
def test_preferred_username_is_the_okta_login(name: Any, login: str | None, state: str) -> None:
    told = judged({"preferred_username": name, "amr": ["hwk"]}, login=login)

    assert told == [("preferred_username", state), ("amr", "ok")]


@pytest.mark.parametrize(
    ("amr", "states"),
    [
        (["face", "hwk", "mfa"], ["ok"]),
        (["mfa"], ["ok"]),
        (["face"], ["ok", "warning"]),
        (["face", "swk", "selfie"], ["ok", "warning"]),
        (["selfie"], ["broken"]),
        ([], ["broken"]),
        ("face", ["broken"]),
        ([1], ["broken"]),
        (None, ["broken"]),
    ],
)
def test_amr_is_there_and_okta_accepts_something_of_it(amr: Any, states: list[str]) -> None:
    told = judged({"preferred_username": LOGIN, "amr": amr})

    assert [state for rule, state in told if rule == "amr"] == states


def test_amr_breaks_nothing_where_okta_does_not_trust_claims() -> None:
    told = judged({"preferred_username": LOGIN}, trust=False)

    assert ("amr", State.WARNING.value) in told
