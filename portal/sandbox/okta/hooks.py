"""Event hooks: the one-time verification, and the sender with everything that can go wrong on the way.

As Okta documents them: ``Authorization`` verbatim as configured, three seconds for an answer, one retry and
only for a time-out or a 5xx, never for a 4xx; at least once, best effort, in no promised order.
"""

import json
import logging
import sqlite3
import threading
from dataclasses import dataclass
from typing import Any

import urllib3

from portal import clock, credentials
from portal.sandbox.okta import journal, switches
from portal.sandbox.okta.answers import OktaError
from portal.sandbox.okta.store import Records, Store, new_id, timestamp
from portal.sandbox.okta.switches import Switches

_log = logging.getLogger(__name__)

#: Okta waits this long for an answer, in seconds.
PATIENCE = 3.0
_LOOK_EVERY = 0.2
_HTTP = "EVENT_TYPE"


def create(records: Records, wanted: dict[str, Any]) -> sqlite3.Row:
    """Add a hook, active and unverified; raises :class:`OktaError` with E0000001."""
    try:
        config, items = wanted["channel"]["config"], list(wanted["events"]["items"])
        uri, name = str(config["uri"]), str(wanted["name"])
        auth = config.get("authScheme") or {}
        pairs = [(str(auth["key"]), str(auth["value"]))] if auth else []
        pairs += [(str(one["key"]), str(one["value"])) for one in config.get("headers") or []]
    except (KeyError, TypeError, AttributeError):
        raise OktaError(
            "E0000001", "eventHook", "name, events.items and channel.config.uri are needed"
        ) from None
    unknown = sorted(set(map(str, items)) - journal.ELIGIBLE)
    if unknown or not items:
        raise OktaError("E0000001", "events", f"{', '.join(unknown) or 'nothing'} cannot be subscribed to")
    if not uri.startswith(("https://", "http://localhost", "http://127.0.0.1")):
        raise OktaError("E0000001", "uri", "uri: https is needed")
    document = {
        "uri": uri,
        "headers": pairs,
        "auth_header": auth.get("key"),
        "events": {"type": _HTTP, "items": items},
    }
    hook_id = new_id("who")
    records.run(
        "INSERT INTO hooks VALUES (?, ?, 'ACTIVE', 'UNVERIFIED', ?)", (hook_id, name, json.dumps(document))
    )
    return _hook(records, hook_id)


def document(row: sqlite3.Row) -> dict[str, Any]:
    """Return a hook as the API shows it: without the secret."""
    kept = json.loads(row["document"])
    shown = [{"key": key, "value": value} for key, value in kept["headers"] if key != kept["auth_header"]]
    return {
        "id": row["id"], "name": row["name"], "status": row["status"],
        "verificationStatus": row["verification"], "events": kept["events"],
        "channel": {"type": "HTTP", "version": "1.0.0", "config": {
            "uri": kept["uri"], "headers": shown, "method": "POST",
            "authScheme": {"type": "HEADER", "key": kept["auth_header"]},
        }},
    }  # fmt: skip


def verify(store: Store, hook_id: str) -> sqlite3.Row:
    """Ask the endpoint once to repeat a challenge; raises :class:`OktaError` with E0000001 if it does not."""
    with store.transaction() as records:
        hook = _hook(records, hook_id)
    challenge = credentials.random_token("")
    with urllib3.PoolManager() as pool:
        said = ""
        for _ in range(2):
            said, again = _challenge(pool, hook, challenge)
            if not again:
                break
    with store.transaction() as records:
        good = said == "verified"
        records.run(
            "UPDATE hooks SET verification = ? WHERE id = ?", ("VERIFIED" if good else "UNVERIFIED", hook_id)
        )
        hook = _hook(records, hook_id)
    if not good:
        raise OktaError("E0000001", "eventHook", f"The endpoint could not be verified: {said}")
    return hook


def deliver_due(store: Store) -> int:
    """Send everything that is due now, and return how many bodies were sent or lost."""
    with store.transaction() as records:
        setting = switches.current(records)
        rows = records.all(
            "SELECT * FROM outgoing WHERE NOT taken AND due <= ? ORDER BY id LIMIT 2000",
            clock.now().timestamp(),
        )
        records.run_many("UPDATE outgoing SET taken = 1 WHERE id = ?", [(row["id"],) for row in rows])
        bodies = [body for hook in _hooks_of(records, rows) for body in _bodies(records, hook, rows, setting)]
    bodies = [body for body in bodies for _ in range(1 + setting.hook_duplicates)]
    if setting.hook_shuffle:
        _shuffle(bodies)
    with urllib3.PoolManager() as pool:
        for one in bodies:
            _deliver(store, pool, one, lost=_below(100) < setting.hook_drop_percent)
    return len(bodies)


def waiting(records: Records) -> int:
    """Return how many events wait to be sent."""
    return records.number("SELECT count(*) FROM outgoing WHERE NOT taken")


class Sender:
    """The thread that sends what is due, until it is stopped."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="local-okta-hooks", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the body that is on its way."""
        self._stop.set()
        self._thread.join(4 * PATIENCE)

    def _run(self) -> None:
        while not self._stop.wait(_LOOK_EVERY):
            try:
                deliver_due(self._store)
            except Exception:  # the sender outlives whatever one body meets
                _log.exception("local Okta: a delivery failed unexpectedly")


@dataclass(frozen=True, slots=True)
class _Body:
    hook: sqlite3.Row
    uuids: list[str]
    content: bytes


def _hook(records: Records, hook_id: str) -> sqlite3.Row:
    row = records.one("SELECT * FROM hooks WHERE id = ?", hook_id)
    if row is None:
        raise OktaError("E0000007", f"{hook_id} (EventHook)")
    return row


def _headers(hook: sqlite3.Row) -> dict[str, str]:
    return {"Accept": "application/json", **dict(json.loads(hook["document"])["headers"])}


def _challenge(pool: urllib3.PoolManager, hook: sqlite3.Row, challenge: str) -> tuple[str, bool]:
    """Return what came of one attempt, and whether it may be repeated."""
    headers = _headers(hook) | {"x-okta-verification-challenge": challenge}
    try:
        answer = pool.request(
            "GET",
            json.loads(hook["document"])["uri"],
            headers=headers,
            timeout=PATIENCE,
            retries=False,
            redirect=False,
        )
    except (urllib3.exceptions.HTTPError, OSError) as error:
        return type(error).__name__, True
    if answer.status != 200:
        return f"status {answer.status}", answer.status >= 500
    try:
        repeated = answer.json()["verification"]
    except (ValueError, KeyError, TypeError):
        return "the answer is not JSON with verification", False
    same = isinstance(repeated, str) and credentials.same(repeated, challenge)
    return ("verified" if same else "another value came back"), False


def _hooks_of(records: Records, rows: list[sqlite3.Row]) -> list[sqlite3.Row]:
    identities = dict.fromkeys(row["hook_id"] for row in rows)
    found = (records.one("SELECT * FROM hooks WHERE id = ? AND status = 'ACTIVE'", one) for one in identities)
    return [hook for hook in found if hook is not None]


def _bodies(records: Records, hook: sqlite3.Row, rows: list[sqlite3.Row], setting: Switches) -> list[_Body]:
    events = []
    for row in rows:
        if row["hook_id"] == hook["id"]:
            found = records.one("SELECT document FROM log WHERE id = ?", row["log_id"])
            assert found is not None, "the System Log is never shortened"
            events.append(json.loads(found["document"]))
    if setting.hook_shuffle:
        _shuffle(events)
    size = max(1, setting.hook_batch)
    return [_body(hook, events[start : start + size]) for start in range(0, len(events), size)]


def _body(hook: sqlite3.Row, events: list[dict[str, Any]]) -> _Body:
    envelope = {
        "eventType": "com.okta.event_hook",
        "eventTypeVersion": "1.0",
        "cloudEventsVersion": "0.1",
        "source": f"http://localhost/api/v1/eventHooks/{hook['id']}",
        "eventId": new_id("") + credentials.random_hex(64),
        "eventTime": timestamp(),
        "contentType": "application/json",
        "data": {"events": events},
    }
    return _Body(hook, [event["uuid"] for event in events], json.dumps(envelope).encode())


def _deliver(store: Store, pool: urllib3.PoolManager, body: _Body, *, lost: bool) -> None:
    before, attempts, outcome = clock.monotonic(), 0, "lost on purpose"
    while not lost and attempts < 2:
        attempts += 1
        outcome, again = _attempt(pool, body)
        if not again:
            break
    with store.transaction() as records:
        records.run(
            "INSERT INTO deliveries (hook_id, at, events, attempts, outcome, milliseconds)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (body.hook["id"], timestamp(), json.dumps(body.uuids), attempts, outcome,
             round((clock.monotonic() - before) * 1000)),
        )  # fmt: skip
        records.keep_latest("deliveries")
        if not outcome.startswith("2") and not lost:
            hook = {
                "id": body.hook["id"],
                "type": "EventHook",
                "displayName": body.hook["name"],
                "alternateId": "unknown",
            }
            journal.write(records, "event_hook.delivery", [hook], outcome="FAILURE", reason=outcome)


def _attempt(pool: urllib3.PoolManager, body: _Body) -> tuple[str, bool]:
    """Return what came of one attempt, and whether there may be another."""
    try:
        answer = pool.request(
            "POST",
            json.loads(body.hook["document"])["uri"],
            body=body.content,
            headers={"Content-Type": "application/json", **_headers(body.hook)},
            timeout=urllib3.Timeout(total=PATIENCE),
            retries=False,
            redirect=False,
        )
    except (urllib3.exceptions.HTTPError, OSError) as error:
        return type(error).__name__, True
    return str(answer.status), answer.status >= 500


def _below(limit: int) -> int:
    return int(credentials.random_hex(64), 16) % limit


def _shuffle(things: list[Any]) -> None:
    for position in range(len(things) - 1, 0, -1):
        other = _below(position + 1)
        things[position], things[other] = things[other], things[position]
