"""The only writer of the audit log."""

import logging
from collections.abc import Sequence
from typing import Any

from sqlalchemy import BindParameter, FromClause, Insert, bindparam, insert, select, union_all

from portal import clock, metrics, records
from portal.audit.events import Event
from portal.extensions import table_of
from portal.models import AuditEvent
from portal.statements import Prepared

_log = logging.getLogger("portal.audit")
_T = table_of(AuditEvent)


def record(
    event: Event,
    *,
    reference: str | None = None,
    client_id: str | None = None,
    user_id: str | None = None,
    **fields: Any,
) -> None:
    """Record ``event`` in the current transaction; the caller's commit makes it last.

    ``fields`` must be exactly those that the event declares, else ``ValueError``: an audit row that
    lacks its reason is found out in a test and not in an incident.
    """
    _check(event, fields)
    records.touch(
        _RECORD,
        {
            "now": clock.now(),
            "event": event.label,
            "reference": reference,
            "client_id": client_id,
            "user_id": user_id,
            "fields": fields,
        },
    )
    tell(event, reference=reference, client_id=client_id, user_id=user_id, **fields)


def recording(
    *,
    reference: Any,
    client_id: Any,
    user_id: Any,
    source: FromClause | None = None,
    events: Sequence[str] = ("",),
) -> Insert:
    """Return a statement, or a part of one, that records an event for each row of ``source``, or once.

    For statements that are prepared (``portal.statements``). Bind ``now``, ``event`` (the label) and
    ``fields``; :func:`tell` does the rest once the statement is committed. Of several ``events``, in
    their order, each has what stands here behind the names of its own values (``event_first``).
    """
    rows = [
        select(
            literal_of("now"),
            literal_of("event" + mark),
            reference,
            client_id,
            user_id,
            literal_of("fields" + mark),
        )
        for mark in events
    ]
    if source is not None:
        rows = [row.select_from(source) for row in rows]
    whole = rows[0] if len(rows) == 1 else union_all(*rows)
    return insert(_T).from_select(["at", "event", "reference", "client_id", "user_id", "fields"], whole)


def tell(
    event: Event, *, reference: str | None, client_id: str | None, user_id: str | None, **fields: Any
) -> None:
    """Write a recorded event to the process's log as well, and count it; raises as :func:`record`."""
    _check(event, fields)
    metrics.event_happened(event.label, client_id, fields)
    _log.info(
        event.label,
        extra={"reference": reference, "client_id": client_id, "user_id": user_id, "detail": fields},
    )


def literal_of(name: str) -> BindParameter[Any]:
    """Return the bound value for a column of an event, by ``name``, of the column's own type."""
    column = {"now": _T.c.at, "event": _T.c.event, "fields": _T.c.fields}[name.partition("_")[0]]
    return bindparam(name, type_=column.type)


def _check(event: Event, fields: dict[str, Any]) -> None:
    if set(fields) != event.fields:
        raise ValueError(f"{event.label} carries {sorted(event.fields)}, not {sorted(fields)}")


_RECORD = Prepared(
    recording(
        reference=bindparam("reference", type_=_T.c.reference.type),
        client_id=bindparam("client_id", type_=_T.c.client_id.type),
        user_id=bindparam("user_id", type_=_T.c.user_id.type),
    )
)
