"""Waiting at the redirect URI for a person's browser."""

import socket
import threading
from urllib.parse import urlencode

import pytest
import urllib3

from portal.okta.simulator import BrowserStep, CannotListen, Network, NobodyCameBack, PersonAtBrowser
from portal.okta.simulator.exchange import Exchange


@pytest.fixture
def step() -> BrowserStep:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return BrowserStep(
        "https://portal.test/go", f"http://localhost:{port}/cb", "the-state", Exchange(Network())
    )


def visit(method: str, url: str, **fields: str) -> tuple[int, str]:
    with urllib3.PoolManager() as pool:
        if method == "GET":
            reply = pool.request("GET", f"{url}?{urlencode(fields)}", retries=False)
        else:
            reply = pool.request("POST", url, fields=fields, encode_multipart=False, retries=False)
        return reply.status, reply.data.decode()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_answer_with_the_right_state_ends_the_wait(step: BrowserStep, method: str) -> None:
    seen: list[tuple[int, str]] = []
    announced: list[str] = []

    def person() -> None:
        seen.append(visit("GET", f"{step.redirect_uri}/elsewhere"))
        seen.append(visit(method, step.redirect_uri, code="stolen", state="another"))
        seen.append(visit(method, step.redirect_uri, code="a-code", state="the-state"))

    def announce(address: str) -> None:
        announced.append(address)
        threading.Thread(target=person, daemon=True).start()

    answer = PersonAtBrowser(announce, timeout=20)(step)

    assert answer == {"code": "a-code", "state": "the-state"}
    assert announced == ["https://portal.test/go"]
    assert [status for status, _ in seen[:2]] == [404, 400]
    assert all("a-code" not in page for _, page in seen)


def test_nobody_comes(step: BrowserStep) -> None:
    with pytest.raises(NobodyCameBack, match="1 answer"):
        PersonAtBrowser(lambda _: visit("GET", step.redirect_uri, code="c", state="x") and None, timeout=0.2)(
            step
        )


def test_a_taken_port_is_a_sentence(step: BrowserStep) -> None:
    port = int(step.redirect_uri.rpartition(":")[2].partition("/")[0])
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(CannotListen, match="already in use"),
    ):
        PersonAtBrowser(lambda _: None, timeout=1)(step)


@pytest.mark.parametrize(
    "uri",
    [
        "https://acme.okta.example/cb",
        "http://acme.okta.example:80/cb",
        "https://localhost:8443/cb",
        "http://localhost/cb",
        "http://localhost:99999/cb",
        "http://[::1/cb",
    ],
)
def test_only_plain_http_on_this_machine_can_be_listened_at(uri: str) -> None:
    with pytest.raises(CannotListen):
        PersonAtBrowser(lambda _: None)(BrowserStep("https://portal.test", uri, "s", Exchange(Network())))
