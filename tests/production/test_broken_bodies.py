"""A body in chunks that is not well formed is the sender's fault (400), also where no nginx read it first."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.production import serving
from tests.production.processes import wait_until
from tests.support.databases import Database

_FORM = b"grant_type=authorization_code&code=hidden-code-4711&client_id=nobody&client_secret=guessed"
_WHOLE = b"%x\r\n%s\r\n" % (len(_FORM), _FORM)

BROKEN = {
    "a size that is no number": b"zz\r\n" + _FORM + b"\r\n0\r\n\r\n",
    "a negative size": b"-5\r\nhello\r\n0\r\n\r\n",
    "no size": b"\r\n" + _FORM + b"\r\n0\r\n\r\n",
    "a chunk cut off": b"%x\r\n%s" % (len(_FORM) + 20, _FORM),
    "a huge size": b"f" * 16 + b"\r\n" + _FORM,
    "a size that never ends": b"1" * 20_000,
    "a second size that is no number": _WHOLE + b"zz\r\n",
    "no end of a chunk": b"%x\r\n%s" % (len(_FORM), _FORM) + b"0\r\n\r\n",
    "no last chunk": _WHOLE,
    "half a last chunk": _WHOLE + b"0\r\n",
    "a broken extension": b"5;\x01=\r\nhello\r\n0\r\n\r\n",
    "a broken trailer": _WHOLE + b"0\r\nno colon\r\n\r\n",
    "nothing": b"",
}

#: Addresses that read a body, each with its own way to say no.
ADDRESSES = {
    "/v1/openid/token": "application/json",
    "/v1/openid/revoke": "application/json",
    "/oauth2/par": "application/json",
    "/v1/openid/authorize": "text/html",
    # A form of the portal's own, whose token is looked for before its view.
    "/v1/openid/account": "text/html",
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A portal with its tables, and its log."""
    folder = tmp_path_factory.mktemp("broken")
    database = Database("sqlite", f"sqlite:///{folder}/portal.sqlite3")
    serving.prepare(database)
    given = {"PORTAL_LOG_LEVEL": "INFO", "PORTAL_TRUSTED_PROXIES": "1", "WEB_CONCURRENCY": "1"}
    with serving.gunicorn(database, folder, **given) as (_, path):
        yield path, folder / "gunicorn.log"


def send(path: str, address: str, body: bytes) -> tuple[int, dict[str, str], str]:
    """Post ``body`` as it is, end the sending, and return status, headers and body of the one answer."""
    kind = "application/x-www-form-urlencoded"
    head = f"POST {address} HTTP/1.1\r\nHost: portal.test\r\nContent-Type: {kind}\r\n"
    head += "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n"
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(path)
        connection.sendall(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + body)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while received := connection.recv(65_536):
            answer += received
    top, _, rest = answer.partition(b"\r\n\r\n")
    lines = top.decode("latin-1").split("\r\n")
    return int(lines[0].split()[1]), dict(line.split(": ", 1) for line in lines[1:]), rest.decode()


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN.keys())
def test_it_is_answered_400_in_the_words_of_the_address(
    served: tuple[str, Path], address: str, body: bytes
) -> None:
    path, log = served
    before = len(log.read_text().splitlines())
    status, headers, text = send(path, address, body)
    wait_until(lambda: len(log.read_text().splitlines()) > before, "the line of the request")
    lines = [json.loads(line) for line in log.read_text().splitlines()[before:]]
    assert (status, headers["Content-Type"].partition(";")[0]) == (400, ADDRESSES[address]), (text, lines)
    assert "json" not in headers["Content-Type"] or json.loads(text)["error"] == "invalid_request"
    assert "HTTP/1.1" not in text, "one answer to one request"
    assert not [line for line in lines if line["level"] in ("ERROR", "CRITICAL")], lines
    assert "hidden-code-4711" not in log.read_text()


def test_whole_ones_are_read(served: tuple[str, Path]) -> None:
    half = len(_FORM) // 2
    two = b"%x\r\n%s\r\n%x;a=b\r\n%s\r\n" % (half, _FORM[:half], len(_FORM) - half, _FORM[half:])
    for body in (_WHOLE, two):
        status, _, text = send(served[0], "/v1/openid/token", body + b"0\r\n\r\n")
        assert (status, json.loads(text)["error"]) == (401, "invalid_client"), text
