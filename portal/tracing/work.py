"""A span for each piece of work that a room names: an outbound call, a message of the outbox."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from portal import spans
from portal.spans import Tell
from portal.tracing.provider import tracer


def init() -> None:
    """Watch the work of this process."""
    spans.watch(_watch)


@contextmanager
def _watch(name: str, outwards: bool, facts: dict[str, str]) -> Iterator[Tell]:
    kind = SpanKind.CLIENT if outwards else SpanKind.INTERNAL
    span = tracer().start_span(name, kind=kind, attributes={f"portal.{key}": facts[key] for key in facts})
    try:
        # Neither the message nor the traceback of an exception leaves the process: they may quote anything.
        with trace.use_span(span, record_exception=False, set_status_on_exception=False):
            yield lambda key, value: span.set_attribute(f"portal.{key}", value)
    except Exception as error:
        span.set_attribute("error.type", type(error).__name__)
        span.set_status(StatusCode.ERROR)
        raise
    finally:
        span.end()
