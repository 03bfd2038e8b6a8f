"""What Prometheus reads at ``/metrics``: what all processes counted, and what the database says now."""

import os
from ipaddress import ip_address, ip_network
from pathlib import Path

from flask import Response, abort, g, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from portal import clock, credentials, metrics
from portal.extensions import client_address, settings
from portal.settings import Settings, SettingsError
from portal.watch.state import StateCollector


def check(configured: Settings) -> None:
    """Raise ``SettingsError`` for a token that can be guessed, or addresses that are none."""
    if configured.metrics_token and not credentials.is_strong(configured.metrics_token):
        raise SettingsError(
            "The setting 'metrics_token' (PORTAL_METRICS_TOKEN) must be 16 random characters or more."
        )
    try:
        for network in configured.metrics_addresses:
            ip_network(network)
    except ValueError as error:
        raise SettingsError(
            "The setting 'metrics_addresses' must hold addresses and networks, such as 10.1.0.0/24."
        ) from error


def count(response: Response) -> Response:
    """Count a request that is about to be answered."""
    began = g.get("request_began")
    if began is not None:
        metrics.request_ended(request.endpoint, response.status_code, clock.monotonic() - began)
    return response


def metrics_of_all_processes() -> bytes:
    """Return the text that Prometheus reads."""
    registry = CollectorRegistry()
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if folder:
        forget_the_dead(Path(folder))
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        parts = [registry]
    else:
        parts = [metrics.REGISTRY]
    state = CollectorRegistry(auto_describe=False)
    state.register(StateCollector())
    return b"".join(generate_latest(part) for part in [*parts, state])


def forget_the_dead(folder: Path) -> None:
    """Remove what processes that ended last said of the present; what they counted stays.

    gunicorn tells of its own (``child_exit``); an outbox worker that was killed tells nobody.
    """
    for file in folder.glob("gauge_live*_*.db"):
        try:
            os.kill(int(file.stem.rpartition("_")[2]), 0)
        except ProcessLookupError:
            file.unlink(missing_ok=True)
        except (PermissionError, ValueError):
            continue


def metrics_page() -> Response:
    """Return the answer to who may read it."""
    answer = Response(metrics_of_all_processes(), content_type=CONTENT_TYPE_LATEST)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def metrics_refusal() -> Response:
    """Return the answer to who may not, as RFC 6750 has it."""
    refusal = Response("Send the token of the setting metrics_token as Authorization: Bearer.\n", 401)
    refusal.headers["WWW-Authenticate"] = "Bearer"
    refusal.headers["Cache-Control"] = "no-store"
    refusal.mimetype = "text/plain"
    return refusal


def is_admitted(configured: Settings) -> bool:
    """Say whether this request brings the token, or comes from an address that needs none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if configured.metrics_token and scheme.lower() == "bearer":
        # Digests are compared, so that not even the length of the token can be measured.
        return credentials.same(
            credentials.digest(token.strip()), credentials.digest(configured.metrics_token)
        )
    try:
        caller = ip_address(client_address())
    except ValueError:
        return False
    return any(caller in ip_network(network) for network in configured.metrics_addresses)


def view() -> Response:
    """Serve the measures; 404 while neither a token nor an address is configured."""
    configured = settings()
    if not configured.metrics_token and not configured.metrics_addresses:
        abort(404)
    return metrics_page() if is_admitted(configured) else metrics_refusal()
