"""Being watched: what Prometheus reads, the chain of the audit log, and its way to receivers outside."""

from flask import Flask

from portal.extensions import settings
from portal.watch import exposition, routes, sealing, sinks


def init_app(app: Flask) -> None:
    """Count every request, serve ``/metrics``, and have workers seal and send the audit log.

    Comes before the rooms that change answers, so that what is counted is the final status. Raises
    ``SettingsError`` for settings that are unsafe.
    """
    with app.app_context():
        exposition.check(settings())
        sinks.check(settings())
    app.after_request(exposition.count)
    routes.init_app(app)
    sealing.init_app(app)
    sinks.init_app(app)
