"""The portal's logs: one line for each thing that happened, to standard error, as JSON or as text.

Every line carries the time in UTC, the level, the logger and the message; inside a request also the
request's random id and, where one is known, the reference of the journey. A request is one line. Its
path is written without the query string, which may carry codes, states and names of accounts.

No room logs a secret. What looks like one is taken out here all the same, as a last resort, and a line
break in somebody's text never begins a line of the log.
"""

import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flask import Flask, Request, Response, g, has_request_context, request

from portal import clock, credentials
from portal.settings import Settings

if TYPE_CHECKING:
    from flask.ctx import _AppCtxGlobals

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
#: Fields whose value is never written, whatever it looks like.
_SECRET_NAMES = frozenset(
    {"authorization", "cookie", "set-cookie", "x-api-key", "api_key", "client_secret", "client_assertion",
     "code_verifier", "access_token", "id_token", "password", "secret"}
)  # fmt: skip
#: What Python itself, or gunicorn, puts into each record: no fields of a line.
_NO_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
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
    # What at least one of the shapes needs: nearly every value of a line has none of it.
    if not (
        " " in lowered
        or "=" in lowered
        or "vp" in lowered
        or "eyj" in lowered
        or "zat" in lowered
        or "[parameters:" in lowered
    ):
        return line
    for shape, replacement in _SECRETS:
        line = shape.sub(replacement, line)
    return line


def one_line(text: str) -> str:
    """Return ``text`` with its control characters written out, so that it cannot end a line of the log."""
    return _CONTROL.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


class _Handler(logging.Handler):
    """Writes to whatever standard error is at the time: test runners put another in its place."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            stream = sys.stderr
            stream.write(self.format(record) + "\n")
            stream.flush()
        except Exception:
            self.handleError(record)


class _Json(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        # Secrets go before it is JSON: a pattern that met an escaped quotation mark would spoil the line.
        line = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        if record.exc_info:
            line["exc_info"] = redact(self.formatException(record.exc_info))
        if record.stack_info:
            line["stack_info"] = redact(record.stack_info)
        line.update(_fields(record))
        return _encode(line)


class _Text(logging.Formatter):
    """A line for people; a traceback follows it, marked so that no line of it passes for one of the log."""

    def format(self, record: logging.LogRecord) -> str:
        detail = " ".join(f"{name}={value}" for name, value in _fields(record).items())
        message = f"{_time(record)} {record.levelname} {record.name} {redact(record.getMessage())}"
        lines = [one_line(f"{message} [{detail}]" if detail else message)]
        if record.exc_info:
            trace = redact(self.formatException(record.exc_info))
            lines += [f"  | {one_line(line)}" for line in trace.split("\n")]
        return "\n".join(lines)


_encode = json.JSONEncoder().encode


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return what ``record`` carries beside its message, without secrets."""
    return {
        name: _clean(name, value)
        for name, value in record.__dict__.items()
        if name not in _NO_FIELDS and value is not None
    }


def _clean(name: str, value: Any) -> Any:
    """Return a field's value without secrets, however deep they lie."""
    if name.lower() in _SECRET_NAMES:
        return _GONE
    if isinstance(value, str):
        return redact(value)
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
        known: _AppCtxGlobals = g._get_current_object()
        fields = record.__dict__
        for name, value in (
            ("request_id", known.get("request_id")),
            ("reference", known.get("journey_reference") or known.get("reference")),
        ):
            if value is not None and fields.get(name) is None:
                fields[name] = value
    return True


def _begin() -> None:
    here: _AppCtxGlobals = g._get_current_object()
    here.request_id = credentials.random_hex(64)
    here.request_began = clock.monotonic()


def _finish(response: Response) -> Response:
    """Write the request's line and tell the caller the id under which the log knows it."""
    here: _AppCtxGlobals = g._get_current_object()
    if "request_id" not in here:
        _begin()
    response.headers["X-Request-Id"] = here.request_id
    asked: Request = request._get_current_object()  # type: ignore[attr-defined]
    status = response.status_code
    # Probes come every few seconds and say nothing while they succeed.
    level = logging.DEBUG if status < 400 and asked.blueprint == "health" else logging.INFO
    if _access.isEnabledFor(level):
        took = clock.monotonic() - here.request_began
        fields = {
            "method": one_line(asked.method[:16]),
            "path": asked.path[:_LONGEST_PATH],
            "status": status,
            "duration_ms": round(took * 1000, 1),
        }
        _access.log(level, "request", extra=fields)
    return response
