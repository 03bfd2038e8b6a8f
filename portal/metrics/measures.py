"""Every measure that is counted where it happens, and the functions that count."""

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

#: In one process only; several are put together by ``portal.watch``.
REGISTRY = CollectorRegistry()

#: A label takes so many values; whatever comes after is counted as ``other``.
MOST_VALUES = 200
OTHER = "other"

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_CALLS = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_PEOPLE = (5.0, 10.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0, 900.0)

_REQUESTS = Histogram(
    "portal_http_request_seconds",
    "Requests by endpoint and class of status, and how long they took.",
    ("endpoint", "status"),
    buckets=_FAST,
    registry=REGISTRY,
)
_EVENTS = Counter("portal_events", "Events of the audit log.", ("event",), registry=REGISTRY)
_STEPS = Counter(
    "portal_journey_steps",
    "Steps of journeys by client; the step of an enrolment has the client 'none'.",
    ("step", "client"),
    registry=REGISTRY,
)
_REASONS = Counter(
    "portal_journey_refusals", "Why journeys and captures failed.", ("step", "reason"), registry=REGISTRY
)
_TOKEN_ERRORS = Counter(
    "portal_token_errors", "Refused requests for tokens, and of clients.", ("error",), registry=REGISTRY
)
_JOURNEYS = Histogram(
    "portal_journey_seconds",
    "From the first request to the state that a journey reached.",
    ("state",),
    buckets=_PEOPLE,
    registry=REGISTRY,
)
_CAPTURES = Histogram(
    "portal_capture_seconds",
    "From the link to VerifEye to its result.",
    ("outcome",),
    buckets=_PEOPLE,
    registry=REGISTRY,
)
_CALLS_OUT = Histogram(
    "portal_outbound_seconds",
    "Calls to other servers by party and outcome (class of status, or unavailable).",
    ("party", "outcome"),
    buckets=_CALLS,
    registry=REGISTRY,
)
_BREAKERS = Gauge(
    "portal_breaker_open",
    "Whether any process leaves this upstream alone because it did not answer.",
    ("upstream",),
    registry=REGISTRY,
    multiprocess_mode="livemax",
)
_MESSAGES = Counter(
    "portal_outbox_results",
    "Attempts of the outbox by topic and result (done, failed, deferred, dead).",
    ("topic", "result"),
    registry=REGISTRY,
)

#: What an event says about the step of a journey.
_STEP_OF = {
    "oidc:journey:opened": "opened",
    "enrolment:invitation:begun": "opened",
    "oidc:journey:identified": "identified",
    "capture:consent:given": "consented",
    "capture:capture:started": "capture_started",
    "capture:capture:passed": "capture_passed",
    "capture:capture:failed": "capture_failed",
    "oidc:journey:issued": "issued",
    "oidc:journey:redeemed": "redeemed",
    "enrolment:journey:completed": "enrolled",
    "oidc:journey:cancelled": "cancelled",
    "oidc:journey:refused": "refused",
    "journey:journey:expired": "expired",
}
_TOKEN_EVENTS = {"oidc:token:refused": "error", "oidc:client:authentication-failed": None}
#: Children of measures by their labels: looking one up here costs a quarter of what ``labels`` does.
_children: dict[tuple[Any, ...], Any] = {}
_seen: dict[str, set[str]] = {}


def request_ended(endpoint: str | None, status: int, seconds: float) -> None:
    """Count a request; ``endpoint`` is Flask's name of it, ``None`` where no address matched."""
    key = (endpoint, status // 100)
    child = _children.get(key)
    if child is None:
        child = _children[key] = _REQUESTS.labels(endpoint or "none", f"{status // 100}xx")
    child.observe(seconds)


def event_happened(label: str, client_id: str | None, fields: dict[str, Any]) -> None:
    """Count an event of the audit log and what it says about a journey or a token."""
    _child(_EVENTS, label).inc()
    step = _STEP_OF.get(label)
    if step is not None:
        _child(_STEPS, step, _bounded("client", client_id or "none")).inc()
        if step in ("refused", "capture_failed"):
            _child(_REASONS, step, _bounded("reason", str(fields.get("reason")))).inc()
    elif label in _TOKEN_EVENTS:
        field = _TOKEN_EVENTS[label]
        _child(_TOKEN_ERRORS, _bounded("error", str(fields[field])) if field else "invalid_client").inc()


def journey_moved(state: str, seconds: float) -> None:
    """Count a journey that reached ``state`` so long after it was opened."""
    _child(_JOURNEYS, state.lower()).observe(seconds)


def capture_ended(*, passed: bool, seconds: float) -> None:
    """Count a capture whose result came so long after its link was given out."""
    _child(_CAPTURES, "passed" if passed else "failed").observe(seconds)


def call_ended(party: str, outcome: str, seconds: float) -> None:
    """Count a call to another server."""
    _child(_CALLS_OUT, party, outcome).observe(seconds)


def breaker_moved(upstream: str, *, is_open: bool) -> None:
    """Say that this process's circuit breaker opened or closed; ``upstream`` is a configured host."""
    _child(_BREAKERS, _bounded("upstream", upstream)).set(int(is_open))


def message_ended(topic: str, result: str) -> None:
    """Count an attempt at a message of the outbox."""
    _child(_MESSAGES, _bounded("topic", topic), result).inc()


def _child(measure: Any, *labels: str) -> Any:
    key = (measure, *labels)
    found = _children.get(key)
    if found is None:
        found = _children[key] = measure.labels(*labels)
    return found


def _bounded(label: str, value: str) -> str:
    seen = _seen.setdefault(label, set())
    if value in seen:
        return value
    if len(seen) >= MOST_VALUES:
        return OTHER
    seen.add(value)
    return value


# An alert waits for the first one, and Prometheus sees no increase from nothing to one.
_child(_EVENTS, "oidc:code:replayed")
