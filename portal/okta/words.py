"""Remembering Okta's words where a clock of ours may have been wrong.

The newest word counts, and a reading of Okta's is dated by our own clock. Were that a day ahead, a reading of
"not suspended" would outrank every event and every reading until the day is over, and whoever is suspended
meanwhile would pass. So a word of a moment that is still to come has lost its date: any other replaces it.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, update

from portal import clock
from portal.extensions import db
from portal.models import OktaFact
from portal.okta.events_reading import AHEAD
from portal.users import okta_facts
from portal.users.okta_facts import Fact, Kind

_AT_ONCE = 500
_WITHOUT_DATE = datetime(1970, 1, 1, tzinfo=UTC)


def remember_all(facts: Iterable[Fact]) -> None:
    """Keep many words of Okta's, as :func:`portal.users.okta_facts.remember_all` does; flushes."""
    told = list(facts)
    okta_ids = sorted({fact.okta_id for fact in told})
    for begin in range(0, len(okta_ids), _AT_ONCE):
        db.session.execute(
            update(OktaFact)
            .where(OktaFact.okta_id.in_(okta_ids[begin : begin + _AT_ONCE]))
            .where(OktaFact.kind != Kind.PERSON.value, is_to_come())
            .values(published=_WITHOUT_DATE)
            .execution_options(synchronize_session=False)
        )
    okta_facts.remember_all(told)


def outranks(kept: OktaFact, published: datetime) -> bool:
    """Say whether ``kept`` is a newer word than one of ``published``."""
    return published < kept.published <= clock.now() + AHEAD


def is_to_come() -> ColumnElement[bool]:
    """Whether a fact is dated by a moment that is still to come, Okta's own clock allowed for."""
    return OktaFact.published > clock.now() + AHEAD
