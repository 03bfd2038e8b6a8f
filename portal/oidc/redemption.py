"""Redeeming a code in one statement, where the database can: spent, journey ended, event recorded.

PostgreSQL writes several tables in one statement, and a statement by itself is a transaction: one round trip
and one durable commit, instead of seven and one. SQLite cannot, and does not need it, because it is no round
trip away; there, and for the rarer codes that confirm an enrolment, the same moves are made one by one.
Each part of the statement is its own room's.
"""

from typing import Any, NamedTuple

from sqlalchemy import Select, String, bindparam, select, true

from portal import clock, credentials
from portal.audit import log
from portal.audit.events import Event
from portal.extensions import at_once, db
from portal.grants import codes
from portal.grants.codes import Grant
from portal.journey import lifecycle


class Redeemed(NamedTuple):
    """A code that was spent just now: what it stands for, and its journey's reference."""

    grant: Grant
    reference: str | None


def redeem_at_once(
    code: str,
    *,
    client_id: str,
    redirect_uri: str,
    code_challenge: str | None,
    access_token: str,
    access_lifetime: int,
    kid: str,
) -> Redeemed | None:
    """Spend ``code`` for a request that proves everything, and commit; ``None``: not in this way.

    ``code_challenge`` is what the request's verifier hashes to, ``kid`` the key that is going to sign. What
    is not redeemed here has to go the long way, which also finds out why.
    """
    if db.engine.dialect.name != "postgresql":
        return None
    values = {
        "presented": credentials.digest(code),
        "client": client_id,
        "redirect": redirect_uri,
        "challenge": code_challenge,
        "now": clock.now(),
        "token": credentials.digest(access_token),
        "until": clock.after(access_lifetime),
        "event": Event.JOURNEY_REDEEMED.label,
        "fields": {"kid": kid},
    }
    row = at_once(_STATEMENT, values)
    if row is None:
        return None
    found = Redeemed(codes.grant_of(row._mapping), row.reference)
    log.tell(
        Event.JOURNEY_REDEEMED,
        reference=found.reference,
        client_id=client_id,
        user_id=found.grant.user_id,
        kid=kid,
    )
    return found


_REDIRECT, _CHALLENGE = bindparam("redirect", type_=String()), bindparam("challenge", type_=String())


def _statement() -> Select[Any]:
    presented, spent = codes.spending(redirect_uri=_REDIRECT, challenge=_CHALLENGE)
    ended = lifecycle.redeeming(spent.c.journey_id).cte("ended_journey")
    both = presented.outerjoin(ended, true())
    recorded = log.recording(
        reference=ended.c.reference,
        client_id=presented.c.client_id,
        user_id=presented.c.user_id,
        source=both,
    ).cte("recorded_event")
    return select(presented, ended.c.reference).select_from(both).add_cte(spent, recorded)


_STATEMENT = _statement()
