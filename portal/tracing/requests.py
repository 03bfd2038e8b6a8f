"""A span for each request, under the names of OpenTelemetry's HTTP conventions."""

from flask import Flask, Response, g, request
from opentelemetry import context, trace
from opentelemetry.trace import SpanKind, StatusCode

from portal.tracing.provider import tracer

#: Asked every few seconds, by machines, about this process itself.
_PROBES = ("health", "watch")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def init_app(app: Flask) -> None:
    """Begin and end a span with each request of ``app``."""
    app.before_request(_begin)
    # Functions after a request run in reverse order: an early one sees the final status.
    app.after_request(_describe)
    app.teardown_request(_end)


def _begin() -> None:
    if request.blueprint in _PROBES:
        return
    method = request.method if request.method in _METHODS else "_OTHER"
    facts = {"http.request.method": method, "url.scheme": request.scheme}
    name = method
    if request.url_rule is not None:
        # The pattern and never the path, which may name a person.
        facts["http.route"] = request.url_rule.rule
        name = f"{method} {request.url_rule.rule}"
    # An empty context: nothing that a caller sends decides whether this is recorded.
    span = tracer().start_span(name, context.Context(), SpanKind.SERVER, facts)
    g.tracing = span, context.attach(trace.set_span_in_context(span))


def _describe(response: Response) -> Response:
    span, _token = g.get("tracing", (None, None))
    if span is not None and span.is_recording():
        span.set_attribute("http.response.status_code", response.status_code)
        if response.status_code >= 500:
            span.set_attribute("error.type", str(response.status_code))
            span.set_status(StatusCode.ERROR)
        for name, value in (
            ("portal.request", g.get("request_id")),
            ("portal.journey", g.get("journey_reference") or g.get("reference")),
        ):
            if value is not None:
                span.set_attribute(name, value)
    return response


def _end(error: BaseException | None) -> None:
    span, token = g.pop("tracing", (None, None))
    if span is None:
        return
    if error is not None:
        span.set_attribute("error.type", type(error).__name__)
        span.set_status(StatusCode.ERROR)
    span.end()
    context.detach(token)
