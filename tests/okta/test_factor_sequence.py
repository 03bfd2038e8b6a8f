"""The factor's sequence against a portal on a port of its own, with the sandbox in VerifEye's place."""

import dataclasses
import socket
import threading
from urllib.parse import urlencode

import pytest

from portal.okta.simulator import (
    BrowserStep,
    FactorRequest,
    Network,
    PersonAtBrowser,
    State,
    Walker,
    simulate_factor,
)
from portal.okta.simulator.exchange import Exchange
from tests.okta.scenes import scene
from tests.support.browsers import LivePortal

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.mark.parametrize("signed", [False, True], ids=["query", "signed"])
@pytest.mark.parametrize("pkce", [False, True], ids=["no-pkce", "pkce"])
def test_okta_accepts_the_portals_factor(live_portal: LivePortal, pkce: bool, signed: bool) -> None:
    at = scene(live_portal, "okta-factor", request_algs=["HS256"])
    request = FactorRequest(at.connection, at.login, at.login, pkce=pkce, signed=signed, userinfo=True)

    result = simulate_factor(request, Walker())

    assert result.with_state(State.BROKEN) == []
    assert (result.accepted, result.outcome.result, result.outcome.reason) == (True, "SUCCESS", None)
    assert result.claims is not None
    assert result.claims["sub"] == at.user_id
    assert result.userinfo is not None
    assert result.userinfo["preferred_username"] == at.login
    # On this machine the portal is plain http, and a face is no possession: both are said, neither refuses.
    assert [check.rule for check in result.with_state(State.WARNING)] == ["iss", "amr"]


def test_without_a_login_hint_the_walker_says_who_it_is(live_portal: LivePortal) -> None:
    at = scene(live_portal, "okta-factor")

    result = simulate_factor(FactorRequest(at.connection, at.login), Walker(login=at.login))

    assert result.accepted, result.checks


def test_somebody_elses_login_is_refused_by_okta(live_portal: LivePortal) -> None:
    at = scene(live_portal, "okta-factor")

    result = simulate_factor(FactorRequest(at.connection, "bela@acme.example", at.login), Walker())

    assert not result.accepted
    assert result.outcome.reason == "Unable to match the transformed username"
    assert [check.rule for check in result.with_state(State.BROKEN)] == ["preferred_username"]


def test_a_person_who_is_not_verified_comes_back_with_an_error(live_portal: LivePortal) -> None:
    at = scene(live_portal, "okta-factor")

    result = simulate_factor(
        FactorRequest(at.connection, at.login, at.login), Walker(outcome="liveness_fails")
    )

    assert (result.outcome.result, result.outcome.reason) == ("FAILURE", None)
    assert result.conformant
    assert "access_denied" in result.with_state(State.DENIED)[0].sentence


def test_a_wrong_secret_stops_at_the_token_endpoint(live_portal: LivePortal) -> None:
    at = scene(live_portal, "okta-factor")
    connection = dataclasses.replace(at.connection, client_secret="not-the-secret")

    result = simulate_factor(FactorRequest(connection, at.login, at.login), Walker())

    assert not result.accepted
    assert "invalid_client" in result.with_state(State.BROKEN)[0].sentence


def test_no_secret_code_or_token_is_in_what_is_shown(live_portal: LivePortal) -> None:
    at = scene(live_portal, "okta-factor", request_algs=["HS256"])
    request = FactorRequest(at.connection, at.login, at.login, pkce=True, signed=True, userinfo=True)

    result = simulate_factor(request, Walker())
    told = repr(result.as_document()) + repr(result) + repr(request)

    assert result.accepted
    assert at.connection.client_secret not in told
    assert result.access_token
    assert result.access_token not in told


@pytest.mark.parametrize(
    ("walker", "sentence"),
    [
        (Walker(face="nobody-here"), "The page offers no face 'nobody-here'"),
        (Walker(outcome="never_return"), "There is no way on"),
        (Walker(), "asks for login, which was not given"),
    ],
)
def test_a_walk_that_cannot_go_on_says_where(live_portal: LivePortal, walker: Walker, sentence: str) -> None:
    at = scene(live_portal, "okta-factor")
    hint = at.login if walker != Walker() else None

    result = simulate_factor(FactorRequest(at.connection, at.login, hint), walker)

    assert not result.accepted
    assert result.outcome.result is None
    assert sentence in result.with_state(State.BROKEN)[0].sentence


def test_a_person_in_a_browser_of_their_own(live_portal: LivePortal) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        callback = f"http://localhost:{free.getsockname()[1]}/oauth2/v1/authorize/callback"
    at = scene(live_portal, "okta-factor", redirect_uri=callback)

    def visit(address: str) -> None:
        with Network() as network:
            answer = Walker()(BrowserStep(address, callback, "", Exchange(network)))
            network.send("GET", f"{callback}?{urlencode(answer)}", {}, None)

    def announce(address: str) -> None:
        threading.Thread(target=visit, args=(address,), daemon=True).start()

    result = simulate_factor(FactorRequest(at.connection, at.login, at.login), PersonAtBrowser(announce, 60))

    assert result.accepted, result.checks
