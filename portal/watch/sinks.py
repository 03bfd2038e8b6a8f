"""The audit log's way to receivers outside: a webhook and syslog, through the outbox, at least once.

Events are sent in the chain's order, which has no gaps, and a receiver's place in it moves on only when a
batch was taken: nothing is left out, and what is sent twice has the same ``sequence``. A receiver that is new
gets what happens from then on; what was before comes out by ``flask audit export``.
"""

import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, current_app
from sqlalchemy import delete, select, update

from portal import clock, outbox
from portal.audit import chain, export
from portal.extensions import db, rows_touched, settings
from portal.http import OperatorsOutbound, OutboundError
from portal.models import AuditSink, OutboxMessage
from portal.outbox import OutboxFailure
from portal.settings import Settings, SettingsError, is_loopback
from portal.watch import syslog

BATCH = 500
#: How long an event waits at most before its batch is put together; a round without news costs a look-up.
SECONDS = 10
#: A batch goes to one server, once, with its own time-outs.
_LEASE = 180.0
_EXTENSION = "portal.watch.outbound"
Send = Callable[[list[dict[str, Any]]], None]


def check(configured: Settings) -> None:
    """Raise ``SettingsError`` for a receiver that cannot be, or to which events would travel in the clear."""
    if configured.audit_webhook_url and not _can_be_a_webhook(configured.audit_webhook_url):
        raise SettingsError(
            "The setting 'audit_webhook_url' must begin with https:// (http:// for this machine alone), name "
            "a host and perhaps a port, and no user; credentials belong into 'audit_webhook_authorization'."
        )
    if configured.audit_syslog:
        try:
            syslog.receiver(configured.audit_syslog)
        except ValueError as error:
            raise SettingsError(f"The setting 'audit_syslog' is {error}.") from error
    secret = configured.audit_webhook_authorization
    if not secret.isascii() or not (secret.isprintable() or not secret):
        raise SettingsError("The setting 'audit_webhook_authorization' must be printable ASCII.")


def _can_be_a_webhook(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port  # reading the port is what checks it
    except ValueError:
        return False
    loopback = parts.scheme == "http" and is_loopback(host)
    return bool(host) and parts.username is None and (parts.scheme == "https" or loopback)


def init_app(app: Flask) -> None:
    """Have workers put batches together and send them."""
    app.extensions[_EXTENSION] = OperatorsOutbound(party="audit", retries=0, max_bytes=65_536)
    for name in _SENDING:
        outbox.handles(app, f"audit.{name}", deliver, lease=_LEASE)
    outbox.every(app, "audit.send", SECONDS, queue_all)


def queue_all() -> None:
    """Enqueue a batch for each receiver that is behind and has none under way; forget those switched off."""
    wanted = configured(settings())
    db.session.execute(delete(AuditSink).where(AuditSink.name.not_in(wanted)))
    state = chain.current()
    if state is None:
        return
    for name in wanted:
        sink = db.session.get(AuditSink, name, populate_existing=True)
        if sink is None:
            db.session.add(AuditSink(name=name, sequence=state.head_sequence))
        elif sink.sequence < state.head_sequence and not _is_under_way(sink.message_id):
            _queue(sink)
    db.session.flush()


def configured(current: Settings) -> list[str]:
    """Return the names of the receivers that are switched on."""
    return [
        name
        for name, address in (("webhook", current.audit_webhook_url), ("syslog", current.audit_syslog))
        if address
    ]


def deliver(payload: dict[str, Any]) -> str | None:
    """Send the batch that follows the place ``after``, and queue the next; nothing if that was done already.

    Raises ``OutboxFailure``: the receiver's place then stays.
    """
    name, place = payload["sink"], payload["after"]
    if name not in configured(settings()):
        return "The receiver was switched off."
    events = export.after(place, BATCH)
    sink = db.session.get(AuditSink, name, populate_existing=True)
    # No transaction is held while somebody else's server takes its time.
    up_to_date = sink is None or sink.sequence != place
    db.session.rollback()
    if up_to_date or not events:
        return "There was nothing to send."
    _SENDING[name](events)
    moved = db.session.execute(
        update(AuditSink)
        .where(AuditSink.name == name, AuditSink.sequence == place)
        .values(sequence=events[-1]["sequence"], message_id=None, delivered_at=clock.now())
        .execution_options(synchronize_session=False)
    )
    if rows_touched(moved) == 1 and len(events) == BATCH:
        _queue(db.session.get_one(AuditSink, name, populate_existing=True))
    return f"Places {events[0]['sequence']} to {events[-1]['sequence']}."


def _queue(sink: AuditSink) -> None:
    sink.message_id = outbox.enqueue(f"audit.{sink.name}", {"sink": sink.name, "after": sink.sequence})
    db.session.flush()


def _is_under_way(message_id: str | None) -> bool:
    """Say whether the batch's message still waits; one that was given up is followed by another."""
    if message_id is None:
        return False
    state = db.session.scalar(select(OutboxMessage.state).where(OutboxMessage.id == message_id))
    return state == "waiting"


def _to_webhook(events: list[dict[str, Any]]) -> None:
    current, door = settings(), current_app.extensions[_EXTENSION]
    secret = current.audit_webhook_authorization
    headers = {"Authorization": secret} if secret else {}
    document = {"portal": current.issuer, "events": events}
    try:
        answer = door.post_json(current.audit_webhook_url, document, headers=headers)
    except OutboundError as error:
        raise OutboxFailure("The receiver of the audit log cannot be reached.") from error
    if not 200 <= answer.status < 300:
        raise OutboxFailure(f"The receiver of the audit log answered {answer.status}.")


def _to_syslog(events: list[dict[str, Any]]) -> None:
    host = urlsplit(settings().issuer).hostname or socket.gethostname()
    try:
        syslog.send(
            syslog.receiver(settings().audit_syslog), [syslog.message(event, host) for event in events]
        )
    except OSError as error:
        raise OutboxFailure(f"The syslog receiver did not take it ({type(error).__name__}).") from error


_SENDING: dict[str, Send] = {"webhook": _to_webhook, "syslog": _to_syslog}
