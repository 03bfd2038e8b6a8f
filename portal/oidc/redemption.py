"""Redeeming a code at once: spent, journey ended, event recorded, committed, before anything is signed.

PostgreSQL writes several tables in one statement, and a statement by itself is a transaction: one round trip
and one durable commit, instead of seven and one. SQLite makes the same moves one by one in one transaction,
because it is no round trip away. The rarer codes that confirm an enrolment go the long way on both. Each part
of the statements is its own room's.
"""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Select, String, bindparam, select, true

from portal import clock, credentials
from portal.audit import log
from portal.audit.events import Event
from portal.extensions import db
from portal.grants import codes
from portal.journey import lifecycle
from portal.models import AuthorizationGrant
from portal.statements import Prepared, Row, single_statement, transaction


@dataclass(frozen=True)
class Redeemed:
    """A code that was spent just now: what it stands for, and its journey's reference."""

    user_id: str | None
    scope: str
    id_token_claims: dict[str, Any] = field(repr=False)
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
    is not redeemed here has to go the long way, which also finds out why. The session is committed first.
    """
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
    if db.session.registry.has():
        # What the client's record and the key were read with: a thread that holds one connection while it
        # waits for another keeps it from every thread that does the same.
        db.session.commit()
    row = _in_one_statement(values) if db.engine.dialect.name == "postgresql" else _step_by_step(values)
    if row is None:
        return None
    found = Redeemed(row["user_id"], row["scope"], row["id_token_claims"], row["reference"])
    log.tell(
        Event.JOURNEY_REDEEMED,
        reference=found.reference,
        client_id=client_id,
        user_id=found.user_id,
        kid=kid,
    )
    return found


def _in_one_statement(values: dict[str, Any]) -> Row | None:
    with single_statement(db.engine) as database:
        return database.first(_STATEMENT, values)


def _step_by_step(values: dict[str, Any]) -> Row | None:
    with transaction(db.engine) as database:
        presented = database.first(_PRESENTED, values)
        # The UPDATE repeats every condition: somebody may come between the two.
        if presented is None or database.touch(_SPENT, values) != 1:
            return None
        ended = database.first(_ENDED, {**values, "journey": presented["journey_id"]})
        presented["reference"] = ended["reference"] if ended is not None else None
        whose = {name: presented[name] for name in ("reference", "client_id", "user_id")}
        database.touch(_RECORDED, {**values, **whose})
        return presented


_ACCEPTABLE: list[ColumnElement[bool]] = codes.acceptable(
    redirect_uri=bindparam("redirect", type_=String()), challenge=bindparam("challenge", type_=String())
)


def _statement() -> Select[Any]:
    presented = codes.presenting(_ACCEPTABLE).with_for_update().cte("presented_code")
    code_digest, journey_id = AuthorizationGrant.code_digest, AuthorizationGrant.journey_id
    spending = codes.spending(code_digest == presented.c.code_digest)
    spent = spending.returning(code_digest, journey_id).cte("spent_code")
    ended = lifecycle.redeeming(spent.c.journey_id).cte("ended_journey")
    # What was not spent gives no row, whatever was found.
    both = presented.join(spent, spent.c.code_digest == presented.c.code_digest).outerjoin(ended, true())
    recorded = log.recording(
        reference=ended.c.reference,
        client_id=presented.c.client_id,
        user_id=presented.c.user_id,
        source=both,
    ).cte("recorded_event")
    told = (presented.c[name] for name in codes.TOLD)
    return select(*told, ended.c.reference).select_from(both).add_cte(recorded)


_STATEMENT = Prepared(_statement())
_PRESENTED = Prepared(codes.presenting(_ACCEPTABLE))
_SPENT = Prepared(codes.spending(*_ACCEPTABLE))
_ENDED = Prepared(lifecycle.redeeming(bindparam("journey", type_=String())))
_RECORDED = Prepared(
    log.recording(
        reference=bindparam("reference", type_=String()),
        client_id=bindparam("client_id", type_=String()),
        user_id=bindparam("user_id", type_=String()),
    )
)
