"""The process's tracer: made when its first span begins, and so after every fork.

The thread that sends batches does not survive a fork, and gunicorn forks its workers from a process that has
the application loaded; so nothing is started before somebody needs it, and a child begins anew.
"""

import os
from threading import Lock

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.trace import Tracer

from portal.settings import SettingsError

_NAME = "verification-portal"
_lock = Lock()
_provider: TracerProvider | None = None
_tracer: Tracer | None = None


def check() -> None:
    """Raise ``SettingsError`` for an exporter that is not there, and for values that the SDK does not take.

    It reads them when a provider is made: in the middle of the first request, if nobody tries before.
    """
    if _exporter_name() not in ("otlp", "console", "none"):
        raise SettingsError("OTEL_TRACES_EXPORTER must be otlp, console or none.")
    for name in ("OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"):
        if os.environ.get(name, "http/protobuf") != "http/protobuf":
            raise SettingsError(f"{name} must be http/protobuf: spans are sent over HTTP.")
    try:
        _made().shutdown()
    except ValueError as error:
        raise SettingsError(f"A variable OTEL_* of tracing holds a value that cannot be: {error}.") from error


def tracer() -> Tracer:
    """Return this process's tracer."""
    return _tracer or _start()


def flush(seconds: float = 10.0) -> bool:
    """Send what has been recorded so far; say whether all of it went out in time."""
    return _provider is None or _provider.force_flush(int(seconds * 1000))


def stop() -> None:
    """Send what has been recorded and end; the next span starts anew."""
    global _provider, _tracer
    with _lock:
        if _provider is not None:
            _provider.shutdown()
        _provider = _tracer = None


def _start() -> Tracer:
    global _provider, _tracer
    with _lock:
        if _tracer is None:
            _provider = _made()
            _tracer = _provider.get_tracer("portal")
        return _tracer


def _made() -> TracerProvider:
    """Return a provider: sampling, limits and attributes of the resource are read from OTEL_* by the SDK.

    At the end of the process it sends what is left.
    """
    made = TracerProvider(resource=_resource())
    exporter = _exporter()
    if exporter is not None:
        made.add_span_processor(BatchSpanProcessor(exporter))
    return made


def _resource() -> Resource:
    given = os.environ.get("OTEL_SERVICE_NAME"), os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    # What is given here would win over the environment.
    return Resource.create({} if given[0] or "service.name=" in given[1] else {SERVICE_NAME: _NAME})


def _exporter_name() -> str:
    return os.environ.get("OTEL_TRACES_EXPORTER") or "otlp"


def _exporter() -> SpanExporter | None:
    name = _exporter_name()
    if name == "none":
        return None
    return ConsoleSpanExporter() if name == "console" else OTLPSpanExporter()


def _begin_anew() -> None:
    """Forget, in a child, what belongs to the parent: its thread is not here, and its lock may be taken."""
    global _lock, _provider, _tracer
    _lock, _provider, _tracer = Lock(), None, None


os.register_at_fork(after_in_child=_begin_anew)
