"""No sequence of calls, by any number of hands, reaches ISSUED without a verified result.

Hypothesis plays every move of ``portal.journey.lifecycle`` at every moment, beside a model of the table
in its docstring.
"""

from datetime import timedelta

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from portal import clock as portal_clock
from portal.extensions import db
from portal.journey import captures, lifecycle, pruning
from portal.models import Capture, Journey, JourneyState
from tests.support import factories
from tests.support.moving_clock import MovingClock

S = JourneyState
LIFETIME = 900
ATTEMPTS = 2


class OneJourney(RuleBasedStateMachine):
    """The moves of one journey, checked against a model that knows only the documented table."""

    prepared: tuple[str, str]

    def __init__(self):
        super().__init__()
        self.clock = MovingClock()
        portal_clock.replace(now=self.clock.now, sleep=self.clock.sleep)
        self.begin_anew()

    @rule()
    @precondition(lambda self: self.state in lifecycle.ENDED or self.clock.now() >= self.ends)
    def begin_anew(self):
        """Open the next journey where the last one is over, so that no step is wasted on the dead."""
        client_id, self.user_id = self.prepared
        client = db.session.get_one(factories.Client, client_id)
        self.journey = factories.journey(client, attempts_allowed=ATTEMPTS, lifetime=LIFETIME)
        self.ends = self.clock.now() + timedelta(seconds=LIFETIME)
        self.state = S.OPEN
        self.attempts = self.links = self.accepted = self.issued = self.redeemed = 0
        self.named = False
        self.open_captures: list[Capture] = []

    def teardown(self):
        portal_clock.replace()

    def legal(self, *states):
        return self.state in states and self.clock.now() < self.ends

    @rule()
    def identify(self):
        expected = self.legal(S.OPEN) and not self.named
        assert lifecycle.identify(self.journey, user_id=self.user_id, account="amara") is expected
        self.named = self.named or expected

    @rule()
    def begin_capture(self):
        expected = (
            self.legal(S.OPEN, S.CAPTURING)
            and self.attempts < ATTEMPTS
            and self.links < ATTEMPTS * captures.LINKS_PER_ATTEMPT
        )
        capture = factories.capture(self.journey)
        assert (capture is not None) is expected
        if capture is not None:
            self.links += 1
            self.state = S.CAPTURING
            self.open_captures.append(capture)

    @rule(choice=st.integers(0, 20), passed=st.booleans())
    @precondition(lambda self: self.open_captures)
    def close_capture(self, choice, passed):
        """A capture is consumed once, and the session it brought is consumed with it."""
        capture = self.open_captures[choice % len(self.open_captures)]
        expected = self.clock.now() < capture.expires_at
        closed = captures.close(capture, session_id=capture.id, passed=passed, reason=None)
        assert closed is expected
        if closed:
            self.open_captures.remove(capture)
            again = captures.close(capture, session_id=f"again{choice}", passed=True, reason=None)
            assert again is False

    @rule()
    def accept(self):
        expected = self.legal(S.CAPTURING)
        assert lifecycle.accept(self.journey, enrolment_id="e") is expected
        if expected:
            self.state = S.VERIFIED
            self.accepted += 1

    @rule()
    def decline(self):
        expected = self.legal(S.CAPTURING)
        assert lifecycle.decline(self.journey, reason="face_failed") is expected
        if expected:
            self.attempts += 1
            self.state = S.REFUSED if self.attempts >= ATTEMPTS else S.OPEN

    @rule()
    def refuse(self):
        expected = self.legal(S.OPEN, S.CAPTURING)
        assert lifecycle.refuse(self.journey, reason="not_enrolled") is expected
        self.state = S.REFUSED if expected else self.state

    @rule()
    def note(self):
        expected = self.legal(S.OPEN, S.CAPTURING)
        assert lifecycle.note(self.journey, refusal="unavailable") is expected

    @rule()
    def withdraw(self):
        expected = self.legal(S.VERIFIED)
        assert lifecycle.withdraw(self.journey, reason="suspended") is expected
        self.state = S.REFUSED if expected else self.state

    @rule(seconds=st.integers(10, 90))
    def issue(self, seconds):
        until = portal_clock.after(seconds)
        expected = self.legal(S.VERIFIED)
        assert lifecycle.issue(self.journey, redeemable_until=until) is expected
        if expected:
            self.state, self.ends = S.ISSUED, until
            self.issued += 1

    @rule()
    def redeem(self):
        expected = self.state == S.ISSUED
        assert (lifecycle.redeem(self.journey.id) == self.journey.reference) is expected
        if expected:
            self.state = S.REDEEMED
            self.redeemed += 1

    @rule()
    def cancel(self):
        expected = self.legal(S.OPEN, S.CAPTURING, S.REFUSED)
        assert lifecycle.cancel(self.journey) is expected
        self.state = S.CANCELLED if expected else self.state

    @rule(seconds=st.sampled_from([1, 5, 20, 100, LIFETIME]))
    def wait(self, seconds):
        self.clock.advance(seconds)

    @rule()
    def expire(self):
        pruning.expire_due()
        if self.state in lifecycle.RUNNING and self.clock.now() >= self.ends:
            self.state = S.EXPIRED

    @invariant()
    def the_record_is_where_the_model_says(self):
        db.session.expire_all()
        journey = db.session.get_one(Journey, self.journey.id)
        assert journey.state == self.state
        assert (journey.attempts, journey.links) == (self.attempts, self.links)

    @invariant()
    def nothing_is_issued_without_a_verified_result(self):
        assert self.redeemed <= self.issued <= self.accepted <= 1
        assert self.attempts <= ATTEMPTS
        assert self.links <= ATTEMPTS * captures.LINKS_PER_ATTEMPT


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_no_sequence_of_moves_reaches_issued_without_a_verified_result(context):
    client, _ = factories.oidc_client()
    user = factories.user()
    OneJourney.prepared = (client.id, user.id)
    run_state_machine_as_test(
        OneJourney,
        settings=settings(
            max_examples=200, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
