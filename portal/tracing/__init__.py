"""OpenTelemetry traces: where the time of a request goes, span by span, for a collector outside.

An option. While the setting ``tracing`` is off, nothing of OpenTelemetry is imported and no request pays for
it. While it is on, the standard environment variables say where to, under which name and how much
(``OTEL_EXPORTER_OTLP_ENDPOINT``, ``OTEL_SERVICE_NAME``, ``OTEL_TRACES_SAMPLER`` …).

Spans are made here and not by the instrumentations that exist for Flask and SQLAlchemy: those write paths,
query strings and statements, which here may carry codes, states and names of people. A span of ours holds the
route's pattern, the status, the kind of statement and its table, the party that was called and the outcome,
the request's random id and the journey's reference.

No trace is taken over from outside and none is handed on: a ``traceparent`` of a browser would let strangers
decide what is recorded, and VerifEye, Okta and clients have no part in the operator's traces. What belongs
together across requests has the same reference.
"""

from flask import Flask

from portal.settings import Settings, SettingsError


def init_app(app: Flask, configured: Settings) -> None:
    """Have the requests, statements, outbound calls and outbox messages of ``app`` traced, if that is asked.

    Comes right after the logs, so that a span covers whatever comes later. Raises ``SettingsError`` where the
    packages are missing or a standard variable asks for what is not there.
    """
    if not configured.tracing:
        return
    try:
        from portal.tracing import provider, requests, statements, work
    except ImportError as error:
        raise SettingsError(
            "The setting 'tracing' (PORTAL_TRACING) needs packages that are not installed: "
            "`.venv/bin/pip install --require-hashes -r requirements-tracing.lock`."
        ) from error
    provider.check()
    requests.init_app(app)
    statements.init_app()
    work.init()
