"""Pushed authorization requests (RFC 9126): kept until the browser opens them, once."""

from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import String, bindparam, cast, delete, literal, null, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from portal import clock, credentials, records
from portal.audit import log
from portal.audit.events import Event
from portal.extensions import db, rows_touched, table_of
from portal.models import PushedRequest
from portal.statements import Prepared, Together, single_statement

REQUEST_URI_PREFIX = "urn:ietf:params:oauth:request_uri:"
_LONGEST_URI = 128
#: What a request may say about the person it asks about.
_PERSONAL = ("login_hint", "claims", "verified_claims")
BATCH = 1000

_T = table_of(PushedRequest)
_KEEP = Together(
    records.adding(PushedRequest).returning(_T.c.client_id),
    lambda kept: log.recording(
        reference=null(), client_id=kept("client_id"), user_id=null(), source=kept.rows
    ),
)
_FIND = Prepared(
    select(_T.c.digest, _T.c.client_id, _T.c.parameters, _T.c.journey_id, _T.c.expires_at).where(
        _T.c.digest == bindparam("digest")
    )
)


def opening() -> ReturningUpdate[Any]:
    """Return the statement that ties a request to the journey that opens it: once, and before it expires.

    What it holds about a person moves into the journey and is removed here. Bind ``request`` (the digest),
    ``id`` (the journey's) and ``now``; it gives the digest.
    """
    return (
        update(_T)
        .where(
            _T.c.digest == bindparam("request"),
            _T.c.journey_id.is_(None),
            _T.c.expires_at > bindparam("now"),
        )
        .values(journey_id=bindparam("id"), parameters=literal({}, _T.c.parameters.type))
        .returning(_T.c.digest)
    )


_OPEN = Prepared(opening())


class Pushed(NamedTuple):
    """A request that was pushed; ``journey_id`` is set once it was opened."""

    digest: str
    client_id: str
    parameters: dict[str, Any]
    journey_id: str | None
    is_live: bool


def keep(client_id: str, parameters: dict[str, Any], *, lifetime: int) -> str:
    """Keep checked ``parameters`` for ``lifetime`` seconds and return the request_uri (256 random bits).

    Kept, recorded and committed at once, apart from the session, which is committed first.
    """
    request_uri = credentials.random_token(REQUEST_URI_PREFIX)
    values = {
        "digest": credentials.digest(request_uri),
        "client_id": client_id,
        "parameters": parameters,
        "journey_id": None,
        "created_at": clock.now(),
        "expires_at": clock.after(lifetime),
        "now": clock.now(),
        "event": Event.REQUEST_PUSHED.label,
        "fields": {},
    }
    if db.session.registry.has():
        # One connection at a time: a thread that waits for a second one may wait for itself.
        db.session.commit()
    with single_statement(db.engine) as database:
        database.change(_KEEP, values)
    log.tell(Event.REQUEST_PUSHED, reference=None, client_id=client_id, user_id=None)
    return request_uri


def find(request_uri: str) -> Pushed | None:
    """Return what was pushed under ``request_uri``, opened or not; ``None`` if there never was such a one."""
    if not request_uri.startswith(REQUEST_URI_PREFIX) or len(request_uri) > _LONGEST_URI:
        return None
    row = records.first(_FIND, {"digest": credentials.digest(request_uri)})
    if row is None:
        return None
    is_live = row.pop("expires_at") > clock.now()
    return Pushed(**row, is_live=is_live)


def open_once(pushed: Pushed, *, journey_id: str) -> bool:
    """Tie the request to the journey that opens it: ``True`` once, and only before it expires."""
    values = {"request": pushed.digest, "id": journey_id, "now": clock.now()}
    return records.first(_OPEN, values) is not None


def forget(names: Callable[[str], bool]) -> None:
    """Take what is personal out of requests that nobody opened yet, if ``names`` says whose they are.

    What stays is the way back, so that whoever opens the request is not stranded.
    """
    waiting = select(PushedRequest.digest, PushedRequest.parameters).where(
        PushedRequest.journey_id.is_(None), cast(PushedRequest.parameters, String) != "{}"
    )
    theirs = [
        row for row in db.session.execute(waiting) if names(str(row.parameters.get("login_hint") or ""))
    ]
    for row in theirs:
        kept = {name: value for name, value in row.parameters.items() if name not in _PERSONAL}
        # Empty and not absent: the checks that were made counted on it.
        kept |= {"claims": {}} if "claims" in row.parameters else {}
        db.session.execute(
            update(PushedRequest)
            .where(PushedRequest.digest == row.digest, PushedRequest.journey_id.is_(None))
            .values(parameters=kept)
        )


def forget_unopened() -> int:
    """Empty up to a batch of requests that nobody opened in time; the caller commits.

    Whatever they say about a person is of no use any more. That they were there is remembered for a while,
    so that somebody who comes late is told so.
    """
    late = (
        select(PushedRequest.digest)
        .where(
            PushedRequest.expires_at <= clock.now(),
            PushedRequest.journey_id.is_(None),
            cast(PushedRequest.parameters, String) != "{}",
        )
        .limit(BATCH)
    )
    return rows_touched(
        db.session.execute(
            update(PushedRequest)
            .where(PushedRequest.digest.in_(late))
            .values(parameters={})
            .execution_options(synchronize_session=False)
        )
    )


def prune(keep_seconds: int) -> int:
    """Remove up to a batch of requests that expired more than ``keep_seconds`` ago; the caller commits."""
    old = (
        select(PushedRequest.digest).where(PushedRequest.expires_at < clock.after(-keep_seconds)).limit(BATCH)
    )
    return rows_touched(db.session.execute(delete(PushedRequest).where(PushedRequest.digest.in_(old))))
