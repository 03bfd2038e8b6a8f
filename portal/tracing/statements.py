"""A span for each statement inside a request or a message: what kind, and on which table.

The statement's text is left out. Its values are sent apart from it, but nobody should have to rely on that.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, StatusCode
from sqlalchemy import Engine, event

from portal import statements
from portal.tracing.provider import tracer

_KIND = re.compile(r"\w{1,20}")
_TABLE = re.compile(r"\b(?:UPDATE|INTO|FROM)\s+\"?(\w{1,63})", re.IGNORECASE)
_PLACE = "_portal_span"
_prepared = False


def init_app() -> None:
    """Listen to every engine of this process; doing it twice changes nothing."""
    global _prepared
    if _prepared:
        return
    _prepared = True
    event.listen(Engine, "before_cursor_execute", _begin)
    event.listen(Engine, "after_cursor_execute", _end)
    event.listen(Engine, "handle_error", _fail)
    # Those that every sign-in takes go past SQLAlchemy's execution and its events.
    statements.watch(_watched)


@lru_cache(512)
def summary(statement: str) -> str:
    """Return the kind of ``statement`` and the table that it changes or reads, as "UPDATE journeys"."""
    kind, table = _KIND.search(statement), _TABLE.search(statement)
    return " ".join([kind[0].upper() if kind else "SQL", *([table[1]] if table else [])])


@contextmanager
def _watched(dialect: str, statement: str) -> Iterator[None]:
    if not trace.get_current_span().is_recording():
        yield
        return
    span = _started(dialect, statement)
    try:
        yield
    except Exception as error:
        _failed(span, error)
        raise
    finally:
        span.end()


def _started(dialect: str, statement: str) -> Span:
    name = summary(statement)
    facts = {"db.system.name": dialect, "db.query.summary": name}
    return tracer().start_span(name, kind=SpanKind.CLIENT, attributes=facts)


def _failed(span: Span, error: BaseException) -> None:
    # The class alone: a driver's message may quote values.
    span.set_attribute("error.type", type(error).__name__)
    span.set_status(StatusCode.ERROR)


def _begin(connection: Any, _cursor: Any, statement: str, _values: Any, execution: Any, _many: bool) -> None:
    # What nobody waits for (a worker that looks whether something is due) is no trace of its own.
    if execution is None or not trace.get_current_span().is_recording():
        return
    setattr(execution, _PLACE, _started(connection.dialect.name, statement))


def _end(_connection: Any, _cursor: Any, _statement: str, _values: Any, execution: Any, _many: bool) -> None:
    if (span := _taken(execution)) is not None:
        span.end()


def _fail(failure: Any) -> None:
    if (span := _taken(failure.execution_context)) is not None:
        _failed(span, failure.original_exception)
        span.end()


def _taken(execution: Any) -> Span | None:
    """Return the span of ``execution``, once."""
    span: Span | None = getattr(execution, _PLACE, None)
    if span is not None:
        setattr(execution, _PLACE, None)
    return span
