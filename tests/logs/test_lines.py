"""A line of the log: its fields, its form, and what may not be in it."""

import json
import logging
import re

import hypothesis.strategies as st
import pytest
from hypothesis import given

from portal import logs
from tests.logs.reading import documents, lines

log = logging.getLogger("portal.test")

TOKENS = [
    "vpc_abcdefghijklmnop-_0123",
    "vpa_abcdefghijklmnop-_0123",
    "vps_abcdefghijklmnop-_0123",
    "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl",
    "Bearer abcdefghijkl",
    "Authorization: Basic YWNtZTpzZWNyZXQ=",
    "Authorization: ApiKey my-verifeye-key-1",
    "{'Authorization': 'my-verifeye-key-1'}",
    "GET /cb?code=0123456789abcdef01&state=x",
    "client_secret=hunter2hunter2&grant_type=x",
    "login_hint=ada%40acme.example",
    "[parameters: ('ada@acme.example', 'my-verifeye-key-1')]",
]
SECRET = re.compile(
    r"abcdefghij|eyJhb|eyJzd|c2lnb|YWNtZ|my-verifeye|0123456789abcdef|hunter2|ada@acme|ada%40|sub\b"
)


def test_a_json_line_says_when_how_bad_who_and_what() -> None:
    with lines() as written:
        log.warning("something about %s", "a thing", extra={"client_id": "acme", "absent": None})
    (line,) = documents(written)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line == {
        "level": "WARNING",
        "logger": "portal.test",
        "message": "something about a thing",
        "client_id": "acme",
    }


def test_a_json_line_carries_a_traceback_and_where_it_was_asked_for_a_stack() -> None:
    with lines() as written:
        try:
            raise ValueError("first\nsecond")
        except ValueError:
            log.exception("it failed", extra={"reference": "7KXM-2PQR"})
        log.info("who is there", stack_info=True)
    failed, asked = documents(written)
    assert list(failed) == ["time", "level", "logger", "message", "exc_info", "reference"]
    assert failed["exc_info"].startswith("Traceback")
    assert failed["exc_info"].endswith("ValueError: first\nsecond")
    assert "test_lines" in asked["stack_info"]


def test_a_field_of_any_kind_can_be_written() -> None:
    with lines() as written:
        log.info(
            "kinds", extra={"when": 1.5, "on": True, "of": ("a", None), "kind": ValueError("x"), "n": {1: 2}}
        )
    (line,) = documents(written)
    assert {name: line[name] for name in ("when", "on", "of", "kind", "n")} == {
        "when": 1.5, "on": True, "of": ["a", "None"], "kind": "x", "n": {"1": 2},
    }  # fmt: skip


def test_what_cannot_be_written_ends_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """A standard error that was closed, or a full disk."""
    monkeypatch.setattr("sys.stderr", _Broken())
    logs.handler("json").handle(log.makeRecord("portal.test", logging.INFO, "", 0, "lost", (), None))


class _Broken:
    def write(self, text: str) -> int:
        raise OSError("no space left")

    def flush(self) -> None:
        pass


@pytest.mark.parametrize("log_format", ["json", "text"])
@pytest.mark.parametrize("token", TOKENS)
def test_what_looks_like_a_secret_is_taken_out_wherever_it_stands(token: str, log_format: str) -> None:
    with lines(log_format) as written:
        log.info("before %s after", token)
        log.info("in a field", extra={"detail": {"nested": token}})
        try:
            raise ValueError(token)
        except ValueError:
            log.exception("in a traceback")
    for line in written:
        assert not SECRET.search(line.split("raise ValueError")[-1]), line
        if log_format == "json":
            json.loads(line)
    assert "before" in written[0]


_PIECES = st.sampled_from([
    "vpc_", "eyJ", "abcdefgh", ".", " ", "=", "Bearer", "AUTHORIZATION", "authori\u017fation", "state", "\n",
    "[parameters: ", "client_secret", "x" * 17, ":", "\u0131", "DPoP", "login_hint", "Authorization",
])  # fmt: skip


@given(st.lists(_PIECES | st.text(max_size=3), max_size=6).map("".join))
def test_looking_first_whether_a_line_can_hold_a_secret_changes_nothing(line: str) -> None:
    whole = line
    for shape, replacement in logs._SECRETS:
        whole = shape.sub(replacement, whole)
    assert logs.redact(line) == whole


@pytest.mark.parametrize(
    "harmless", ["state=VERIFIED", "code=503", "7KXM-2PQR", "journey 0123456789abcdef0123456789abcdef"]
)
def test_ordinary_words_stay(harmless: str) -> None:
    with lines() as written:
        log.info("it says %s", harmless)
    assert harmless in written[0]


@pytest.mark.parametrize("log_format", ["json", "text"])
@pytest.mark.parametrize("text", ["a\nb", "a\r\nb", "a\x1b[2Jb", "a\u2028b", "a\x00b", "a\u202eb"])
def test_foreign_text_never_begins_a_line_or_steers_a_terminal(text: str, log_format: str) -> None:
    with lines(log_format) as written:
        log.info("it says %s", text, extra={"field": text})
    (line,) = written
    assert len(line.splitlines()) == 1
    assert not re.search("[\x00-\x1f\x7f-\x9f\u2028-\u202e\ud800-\udfff]", line)


def test_a_traceback_in_text_is_marked_as_belonging_to_its_line() -> None:
    with lines("text") as written:
        try:
            raise ValueError("first\n2026-01-01T00:00:00.000Z INFO portal.audit forged")
        except ValueError:
            log.exception("it failed")
    first, *rest = written[0].split("\n")
    assert first.endswith("ERROR portal.test it failed")
    assert rest
    assert all(line.startswith("  | ") for line in rest)


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_libraries_that_say_too_much_stay_quiet_at_debug() -> None:
    names = ("authlib", "joserfc", "urllib3", "sqlalchemy", "werkzeug")
    before = {name: logging.getLogger(name).level for name in names}
    assert all(level >= logging.INFO for level in before.values()), before


def test_half_a_character_is_written_out() -> None:
    assert logs.one_line("a\ud800b\udcff") == "a\\ud800b\\udcff"


def test_a_field_that_is_named_like_a_secret_is_not_written() -> None:
    with lines() as written:
        log.info("asked", extra={"headers": {"X-API-Key": "abc", "Accept": "json"}, "client_secret": "abc"})
    (line,) = documents(written)
    assert line["headers"] == {"X-API-Key": "[redacted]", "Accept": "json"}
    assert line["client_secret"] == "[redacted]"


def test_quotation_marks_around_a_secret_leave_the_line_a_json_line() -> None:
    with lines() as written:
        log.info('quoted "Authorization": "Bearer abcdefgh" and \\ vps_0123456789 end')
        log.info("it failed: [parameters: (\"it's\", 'abcdefgh')]\n(Background on this error)")
    first, second = documents(written)
    assert first["message"].endswith("end")
    assert second["message"].endswith("(Background on this error)")
    assert "abcdefgh" not in "".join(written)
