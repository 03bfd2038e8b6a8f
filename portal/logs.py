"""The portal's logs: one line for each thing that happened, to standard error, as JSON or as text.

Every line carries the time in UTC, the level, the logger and the message; inside a request also the
request's random id and, where one is known, the reference of the journey. A request is one line. Its
path is written without the query string, which may carry codes, states and names of accounts.

No room logs a secret. What looks like one is taken out here all the same, as a last resort, and a line
break in somebody's text never begins a line of the log.
"""

import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TextIO

from flask import Flask, Response, g, has_request_context, request
from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from portal import clock, credentials
from portal.settings import Settings

#: Libraries that say too much: Authlib writes whole tokens at DEBUG, SQLAlchemy statements with their
#: values at INFO, Werkzeug and urllib3 query strings. They stay at these levels whatever is configured.
_PINNED = {
    "authlib": logging.INFO,
    "joserfc": logging.INFO,
    "urllib3": logging.INFO,
    "sqlalchemy": logging.WARNING,
    "alembic": logging.WARNING,
    "werkzeug": logging.WARNING,
}
_LONGEST_PATH = 300
_GONE = "[redacted]"
_SECRETS = (
    # Tokens of our making, by their prefix: codes, access tokens, client secrets, and those to come.
    (re.compile(r"\b(vp[a-z]_)[A-Za-z0-9_-]{6,}"), rf"\1{_GONE}"),
    # Anything shaped like a JWT.
    (re.compile(r"\beyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?"), _GONE),
    # The value of an Authorization header, with or without the header's name.
    (re.compile(r"\b(Bearer|Basic|ApiKey|DPoP)[ ]+[A-Za-z0-9._~+/=:-]{6,}", re.IGNORECASE), rf"\1 {_GONE}"),
    (
        re.compile(
            r"(\bAuthorization\W{1,6})(?!Bearer|Basic|ApiKey|DPoP)[A-Za-z0-9._~+/=:-]{6,}", re.IGNORECASE
        ),
        rf"\1{_GONE}",
    ),
    # Parameters of forms and query strings that carry a secret, a token or a person.
    (
        re.compile(
            r"\b(client_secret|client_assertion|code_verifier|login_hint|(?:access|id|refresh)_token|"
            r"reSignature)=[A-Za-z0-9._~+/=:%@-]{4,}",
            re.IGNORECASE,
        ),
        rf"\1={_GONE}",
    ),
    (
        re.compile(
            # Ordinary words as well ("state=VERIFIED"), so only a long value is taken for a secret.
            r"\b(code|state|nonce|request|link)=[A-Za-z0-9._~+/=:%@-]{16,}",
            re.IGNORECASE,
        ),
        rf"\1={_GONE}",
    ),
    # SQLAlchemy quotes a statement's values when it fails, to the end of the line.
    (re.compile(r"\[parameters: [^\n]*"), f"[parameters: {_GONE}]"),
)
#: What at least one of these shapes needs, in lower case: nearly every value of a line has none of it.
_NEEDED = ("=", " ", "vp", "eyj", "zat", "[parameters:")
#: Fields whose value is never written, whatever it looks like.
_SECRET_NAMES = frozenset(
    {"authorization", "cookie", "set-cookie", "x-api-key", "api_key", "client_secret", "client_assertion",
     "code_verifier", "access_token", "id_token", "password", "secret"}
)  # fmt: skip
#: Control characters, line separators, what turns the direction of a text round, and halves of characters.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

_access = logging.getLogger("portal.access")


def init_app(app: Flask, configured: Settings) -> None:
    """Send this process's logs to standard error as ``configured`` says, and log each request of ``app``.

    May be called again (each test has an application of its own); the last call decides.
    """
    root = logging.getLogger()
    for former in [handler for handler in root.handlers if isinstance(handler, _Handler)]:
        root.removeHandler(former)
    root.addHandler(handler(configured.log_format))
    level = logging.getLevelName(configured.log_level)
    root.setLevel(level)
    for name, lowest in _PINNED.items():
        logging.getLogger(name).setLevel(max(level, lowest))
    app.before_request(_begin)
    # Functions after a request run in reverse order: the first one registered sees the final status.
    app.after_request(_finish)


def handler(log_format: str) -> logging.Handler:
    """Return a handler that writes ``json`` or ``text`` lines to standard error (also for gunicorn's own)."""
    made = _Handler()
    made.setFormatter(_Json() if log_format == "json" else _Text())
    made.addFilter(_add_context)
    return made


@contextmanager
def at_least(level: int) -> Iterator[None]:
    """Hold back everything below ``level`` for a while: a command speaks to its user itself."""
    ours = [handler for handler in logging.getLogger().handlers if isinstance(handler, _Handler)]
    before = [handler.level for handler in ours]
    for handler in ours:
        handler.setLevel(level)
    try:
        yield
    finally:
        for handler, former in zip(ours, before, strict=True):
            handler.setLevel(former)


def redact(line: str) -> str:
    """Return ``line`` without what looks like a token, a secret or a credential."""
    lowered = line.lower()
    if not any(part in lowered for part in _NEEDED):
        return line
    for shape, replacement in _SECRETS:
        line = shape.sub(replacement, line)
    return line


def one_line(text: str) -> str:
    """Return ``text`` with its control characters written out, so that it cannot end a line of the log."""
    return _CONTROL.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


class _Handler(logging.StreamHandler[TextIO]):
    """Writes to whatever standard error is at the time: test runners put another in its place."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, value: TextIO) -> None:
        raise AttributeError("the stream is standard error")


class _Json(JsonFormatter):
    """One JSON object a line."""

    def __init__(self) -> None:
        super().__init__(["message"], reserved_attrs=[*RESERVED_ATTRS, "color_message"])

    def add_fields(
        self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> None:
        log_data.update(time=_time(record), level=record.levelname, logger=record.name)
        super().add_fields(log_data, record, message_dict)

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        # Before it is written as JSON: a pattern that met an escaped quotation mark would spoil the line.
        return {name: _clean(name, value) for name, value in log_data.items() if value is not None}


class _Text(logging.Formatter):
    """A line for people; a traceback follows it, marked so that no line of it passes for one of the log."""

    def format(self, record: logging.LogRecord) -> str:
        extras = {
            name: value
            for name, value in record.__dict__.items()
            if name not in RESERVED_ATTRS and name != "message" and value is not None
        }
        detail = " ".join(f"{name}={_clean(name, value)}" for name, value in extras.items())
        message = f"{_time(record)} {record.levelname} {record.name} {redact(record.getMessage())}"
        lines = [one_line(f"{message} [{detail}]" if detail else message)]
        if record.exc_info:
            trace = redact(self.formatException(record.exc_info))
            lines += [f"  | {one_line(line)}" for line in trace.split("\n")]
        return "\n".join(lines)


def _clean(name: str, value: Any) -> Any:
    """Return a field's value without secrets, however deep they lie."""
    if name.lower() in _SECRET_NAMES:
        return _GONE
    if isinstance(value, dict):
        return {str(key): _clean(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(name, item) for item in value]
    return value if isinstance(value, bool | int | float) else redact(str(value))


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _add_context(record: logging.LogRecord) -> bool:
    """Add what the current request knows to ``record``; a field that the caller gave stays."""
    if has_request_context():
        known = {
            "request_id": g.get("request_id"),
            "reference": g.get("journey_reference") or g.get("reference"),
        }
        for name, value in known.items():
            if value is not None and getattr(record, name, None) is None:
                setattr(record, name, value)
    return True


def _begin() -> None:
    g.request_id = credentials.random_hex(64)
    g.request_began = clock.monotonic()


def _finish(response: Response) -> Response:
    """Write the request's line and tell the caller the id under which the log knows it."""
    if "request_id" not in g:
        _begin()
    response.headers["X-Request-Id"] = g.request_id
    # Probes come every few seconds and say nothing while they succeed.
    probe = request.blueprint == "health" and response.status_code < 400
    _access.log(
        logging.DEBUG if probe else logging.INFO,
        "request",
        extra={
            "method": one_line(request.method[:16]),
            "path": request.path[:_LONGEST_PATH],
            "status": response.status_code,
            "duration_ms": round((clock.monotonic() - g.request_began) * 1000, 1),
        },
    )
    return response
