"""A collector of traces: takes what OpenTelemetry's exporter sends and keeps it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.support import web_server


class Collector:
    """What arrived, as it came over the wire."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.bodies: list[bytes] = []
        #: The headers of requests to any other path.
        self.others: list[dict[str, str]] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        """Take one request (WSGI)."""
        if environ["PATH_INFO"] == "/v1/traces":
            self.bodies.append(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        else:
            self.others.append({name: value for name, value in environ.items() if name.startswith("HTTP_")})
        start_response("200 OK", [("Content-Type", "application/x-protobuf"), ("Content-Length", "0")])
        return []

    @property
    def spans(self) -> list[Span]:
        """Every span that arrived."""
        return [
            span
            for body in self.bodies
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def services(self) -> set[str]:
        """The names under which spans arrived."""
        return {
            attribute.value.string_value
            for body in self.bodies
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans
            for attribute in resource.resource.attributes
            if attribute.key == "service.name"
        }


def facts(span: Span) -> dict[str, str | int]:
    """Return a span's attributes."""
    return {each.key: each.value.string_value or each.value.int_value for each in span.attributes}


@contextmanager
def collecting() -> Iterator[Collector]:
    """Give a collector that listens until the block ends."""
    with web_server.listening() as (listener, origin):
        collector = Collector(origin)
        with web_server.serving(collector, listener):
            yield collector
