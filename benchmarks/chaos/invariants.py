"""What must be true afterwards, asked of the database and compared with what everybody was told."""

from collections import Counter
from typing import NamedTuple

import psycopg

from benchmarks.chaos.ledger import Attempt, Ledger
from benchmarks.chaos.person import LOST_OPENING, PAR
from benchmarks.chaos.stand_in import StandIn
from portal import clock, credentials

_LOST_ANSWERS = (
    "begun anew: the answer with the code was lost",
    "begun anew: the answer with the token was lost",
)
#: A pushed request is removed an hour after its end: in a longer run, the first are gone.
_PUSHES_KEPT = 3600
_VERIFIED = ("VERIFIED", "ISSUED", "REDEEMED")


class Finding(NamedTuple):
    """A number that the run came to; where ``must_be`` is given, anything else breaks an invariant."""

    what: str
    count: int
    must_be: int | None = None

    @property
    def is_broken(self) -> bool:
        """Say whether it is not as it must be."""
        return self.must_be is not None and self.count != self.must_be


def findings(address: str, ledger: Ledger, verifeye: StandIn) -> list[Finding]:
    """Return every number of journeys, codes and messages, from both ends."""
    with psycopg.connect(address) as connection:
        held = _Held(connection)
    ends = ledger.ends()
    told = [attempt for attempt in ledger.attempts if attempt.told_verified]
    given = [attempt for attempt in ledger.attempts if attempt.codes]
    redeemed = [attempt for attempt in ledger.attempts if attempt.redeemed]
    zero = [
        ("verified journeys lost", sum(_is_lost(attempt, held) for attempt in told)),
        *_of_pushed_requests(ledger, held),
        ("journeys with more than one code", held.codes_twice),
        ("people given more than one code", sum(len(attempt.codes) > 1 for attempt in given)),
        ("codes redeemed twice, as clients saw it", sum(one.redeemed > 1 for one in redeemed)),
        ("codes redeemed twice, as the audit log has it", held.redeemed_twice),
        ("tokens given whose code is not spent in the database",
         sum(not held.is_spent(attempt.codes[-1]) for attempt in redeemed)),
        ("codes redeemed beside the audit log", abs(held.spent - held.redeemed_events)),
        ("wrong passes", _wrong_passes(ledger, held, verifeye)),
        ("sign-ins never finished", ends["gave up"] + ends["under way"]),
        ("other things that must never be seen", len(ledger.wrongs)),
        ("answers that say nothing of coming back", sum(not one.is_honest for one in ledger.troubles)),
        ("outbox messages left", held.messages.get("waiting", 0)),
        ("outbox messages dead", held.messages.get("dead", 0)),
    ]  # fmt: skip
    return [
        Finding("attempts to sign in", len(ledger.attempts)),
        Finding("requests pushed first", sum(bool(one.request_uri) for one in ledger.attempts)),
        Finding(
            "pushed once more, as no request_uri came",
            sum(one.troubled.count(PAR) for one in ledger.attempts),
        ),
        Finding("journeys begun", held.journeys),
        Finding("journeys verified", held.verified),
        Finding("codes issued", held.codes),
        Finding("codes redeemed", held.spent),
        Finding("impostors turned away", ends["turned away"] + ends["refused"]),
        Finding("pages reloaded", ledger.retries),
        *(Finding(end, ends[end]) for end in sorted(ends) if end.startswith("begun anew")),
        Finding("outbox messages done", held.messages.get("done", 0)),
        *(Finding(what, count, 0) for what, count in zero),
    ]


def messages_left(address: str) -> int:
    """Return how many messages of the outbox are still to be worked off."""
    with psycopg.connect(address) as connection:
        row = connection.execute("SELECT count(*) FROM outbox_messages WHERE state = 'waiting'").fetchone()
    return int(row[0]) if row else 0


class _Held:
    """What the database holds, in the few numbers that are needed."""

    def __init__(self, connection: psycopg.Connection) -> None:
        def one(statement: str) -> int:
            row = connection.execute(statement).fetchone()
            assert row is not None
            return int(row[0])

        states = connection.execute(
            "SELECT parameters->>'state', state, coalesce(verified_at IS NOT NULL, false), id FROM journeys"
        ).fetchall()
        self.journeys = len(states)
        self.verified = sum(verified for _, _, verified, _ in states)
        self.states: dict[str, set[str]] = {}
        for name, state, _, _ in states:
            self.states.setdefault(name, set()).add(state)
        #: How many journeys each attempt has, and whose each of them is.
        self.begun = Counter(name for name, _, _, _ in states)
        self.whose = {journey: name for name, _, _, journey in states}
        #: Every pushed request, by its digest, and the journey that it opened.
        self.pushed: dict[str, str | None] = dict(
            connection.execute("SELECT digest, journey_id FROM pushed_requests").fetchall()
        )
        self.passed = {
            row[0] for row in connection.execute("SELECT session_id FROM captures WHERE passed").fetchall()
        }
        grants = connection.execute(
            "SELECT code_digest, redeemed_at IS NOT NULL FROM authorization_grants"
        ).fetchall()
        self._spent = {digest for digest, spent in grants if spent}
        self.codes, self.spent = len(grants), len(self._spent)
        self.answered = {
            row[0]
            for row in connection.execute(
                "SELECT parameters->>'state' FROM journeys"
                " JOIN authorization_grants ON journey_id = journeys.id"
            ).fetchall()
        }
        self.redeemed_events = one("SELECT count(*) FROM audit_events WHERE event = 'oidc:journey:redeemed'")
        self.codes_twice = one(
            "SELECT count(*) FROM (SELECT 1 FROM authorization_grants GROUP BY journey_id"
            " HAVING count(*) > 1) AS twice"
        )
        self.redeemed_twice = one(
            "SELECT count(*) FROM (SELECT 1 FROM audit_events WHERE event = 'oidc:journey:redeemed'"
            " GROUP BY reference HAVING count(*) > 1) AS twice"
        )
        self.messages: dict[str, int] = dict(
            connection.execute("SELECT state, count(*) FROM outbox_messages GROUP BY state").fetchall()
        )

    def is_spent(self, code: str) -> bool:
        """Say whether the database knows that the code was redeemed."""
        return credentials.digest(code) in self._spent


def _of_pushed_requests(ledger: Ledger, held: _Held) -> list[tuple[str, int]]:
    """Return what must be zero of the requests that were pushed: a request_uri opens one journey, its own."""
    since = clock.epoch() - _PUSHES_KEPT
    missing = opened_twice = not_its_own = refused = 0
    for attempt in ledger.attempts:
        if attempt.request_uri is None:
            continue
        # A request_uri is the client's for one attempt alone, whose journeys all bear its state.
        opened_twice += held.begun[attempt.state] > 1
        digest = credentials.digest(attempt.request_uri)
        if digest not in held.pushed:
            missing += attempt.pushed_at > since
            continue
        journey = held.pushed[digest]
        not_its_own += attempt.opened and (journey is None or held.whose.get(journey) != attempt.state)
        refused += attempt.end == LOST_OPENING and journey is None
    return [
        ("pushed requests taken and lost", missing),
        ("request_uris that opened more than one journey", opened_twice),
        ("request_uris that opened none, or another's", not_its_own),
        ("request_uris refused though nobody had opened them", refused),
    ]


def _is_lost(attempt: Attempt, held: _Held) -> bool:
    """Say whether somebody who was told "verified" came to nothing without having been answered.

    Where the answer itself was lost on its way (a code or a token is given once), the database knows of it.
    """
    if attempt.redeemed:
        return False
    return attempt.end not in _LOST_ANSWERS or attempt.state not in held.answered


def _wrong_passes(ledger: Ledger, held: _Held, verifeye: StandIn) -> int:
    """Count passes that VerifEye did not vouch for, and impostors who are verified in any way."""
    unfounded = sum(not verifeye.looked_at.get(session, False) for session in held.passed)
    impostors = [attempt.state for attempt in ledger.attempts if attempt.impostor]
    return unfounded + sum(bool(held.states.get(state, set()) & set(_VERIFIED)) for state in impostors)
