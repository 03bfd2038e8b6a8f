"""Every move at every state: exactly those of the table in ``portal.journey.lifecycle`` happen."""

import pytest

from portal import clock as portal_clock
from portal.extensions import db
from portal.journey import lifecycle, pruning
from portal.models import Journey, JourneyPurpose, JourneyState
from tests.support import factories

S = JourneyState


def expire(journey):
    """Let the journey's time run out and see whether pruning ends it."""
    lifetime = (journey.expires_at - portal_clock.now()).total_seconds()
    expire.clock.advance(lifetime)
    return pruning.expire_due()


MOVES = {
    "identify": lambda journey: lifecycle.identify(journey, user_id=None, account="amara"),
    "begin_capture": factories.capture,
    "accept": lambda journey: lifecycle.accept(journey, enrolment_id="e"),
    "decline": lambda journey: lifecycle.decline(journey, reason="face_failed"),
    "refuse": lambda journey: lifecycle.refuse(journey, reason="not_enrolled"),
    "issue": lambda journey: lifecycle.issue(journey, redeemable_until=portal_clock.after(60)),
    "withdraw": lambda journey: lifecycle.withdraw(journey, reason="suspended"),
    "redeem": lambda journey: lifecycle.redeem(journey.id) is not None,
    "complete": lifecycle.complete,
    "refuse_all_of": lambda journey: lifecycle.refuse_all_of(journey.user_id, reason="suspended"),
    "cancel": lifecycle.cancel,
    "expire": expire,
}

#: Where each move starts, and where it leads.
TABLE = {
    "identify": {S.OPEN: S.OPEN},
    "begin_capture": {S.OPEN: S.CAPTURING, S.CAPTURING: S.CAPTURING},
    "accept": {S.CAPTURING: S.VERIFIED},
    "decline": {S.CAPTURING: S.OPEN},
    "refuse": {S.OPEN: S.REFUSED, S.CAPTURING: S.REFUSED},
    "issue": {S.VERIFIED: S.ISSUED},
    "withdraw": {S.VERIFIED: S.REFUSED},
    "redeem": {S.ISSUED: S.REDEEMED},
    "complete": {},  # an authorization is never an enrolment; see below
    "refuse_all_of": {S.OPEN: S.REFUSED, S.CAPTURING: S.REFUSED, S.VERIFIED: S.REFUSED},
    "cancel": {S.OPEN: S.CANCELLED, S.CAPTURING: S.CANCELLED, S.REFUSED: S.CANCELLED},
    "expire": dict.fromkeys((S.OPEN, S.CAPTURING, S.VERIFIED, S.REFUSED, S.ISSUED), S.EXPIRED),
}

#: The shortest way to each state.
WAYS = {
    S.OPEN: [],
    S.CAPTURING: ["begin_capture"],
    S.VERIFIED: ["begin_capture", "accept"],
    S.REFUSED: ["refuse"],
    S.ISSUED: ["begin_capture", "accept", "issue"],
    S.REDEEMED: ["begin_capture", "accept", "issue", "redeem"],
    S.ENROLLED: ["begin_capture", "accept", "complete"],
    S.CANCELLED: ["cancel"],
    S.EXPIRED: ["expire"],
}


@pytest.fixture
def at(context, clock):
    """Bring a journey to a state."""
    expire.clock = clock

    def bring(state):
        journey = enrolment() if state == S.ENROLLED else factories.journey()
        for move in WAYS[state]:
            assert MOVES[move](journey)
        db.session.commit()
        assert state_of(journey) == state
        return journey

    return bring


def enrolment():
    return factories.journey(client_id=None, purpose=JourneyPurpose.ENROL)


def state_of(journey):
    db.session.expire_all()
    return db.session.get_one(Journey, journey.id).state


def test_the_table_speaks_of_every_state_and_the_docstring_of_every_move():
    assert set(WAYS) == set(JourneyState)
    for move in TABLE:
        assert f"\n{move} " in (lifecycle.__doc__ or "")


@pytest.mark.parametrize("state", JourneyState)
@pytest.mark.parametrize("move", TABLE)
def test_a_move_happens_where_the_table_says_and_nowhere_else(at, state, move):
    journey = at(state)
    leads_to = TABLE[move].get(state)
    assert bool(MOVES[move](journey)) is (leads_to is not None)
    assert state_of(journey) == (leads_to or state)


def test_an_enrolment_is_complete_once_when_its_face_is_verified(context):
    journey = enrolment()
    for move in WAYS[S.VERIFIED]:
        assert not lifecycle.complete(journey)
        assert MOVES[move](journey)
    assert (lifecycle.complete(journey), lifecycle.complete(journey)) == (True, False)
    assert state_of(journey) == S.ENROLLED


@pytest.mark.parametrize("state", [state for state in JourneyState if state not in lifecycle.ENDED])
@pytest.mark.parametrize("move", [move for move in TABLE if move not in ("expire", "redeem")])
def test_a_journey_whose_time_is_over_makes_no_move(at, clock, state, move):
    """``redeem`` is left out: the code has its own end, which comes first."""
    journey = at(state)
    clock.set(journey.expires_at)
    assert not MOVES[move](journey)
    assert state_of(journey) == state
