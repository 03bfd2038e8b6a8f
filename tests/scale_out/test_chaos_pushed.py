"""What ``make chaos`` says of requests that were pushed: each thing that must not be is noticed."""

from collections.abc import Callable

import pytest
from flask import Flask

from benchmarks.chaos import invariants
from benchmarks.chaos.http1 import Reply
from benchmarks.chaos.ledger import Attempt, Ledger
from benchmarks.chaos.person import AUTHORIZE, LOST_OPENING, PAR, RESULT, RESUME, Person, World
from benchmarks.chaos.stand_in import StandIn
from portal import clock, credentials
from portal.extensions import db
from portal.models import Journey, PushedRequest
from tests.support import factories
from tests.support.databases import Database

pytestmark = pytest.mark.parametrize("database", ["postgresql"], indirect=True)
URI = "urn:ietf:params:oauth:request_uri:one"
TAKEN_AND_LOST = "pushed requests taken and lost"
OPENED_TWICE = "request_uris that opened more than one journey"
OPENED_NONE = "request_uris that opened none, or another's"
REFUSED = "request_uris refused though nobody had opened them"


def journey(state: str) -> Journey:
    made = factories.journey()
    made.parameters = {**made.parameters, "state": state}
    return made


def pushed(by: Journey | None) -> None:
    db.session.add(
        PushedRequest(
            digest=credentials.digest(URI), client_id="c", parameters={}, created_at=clock.now(),
            expires_at=clock.after(90), journey_id=by.id if by else None,
        )
    )  # fmt: skip


def all_is_well() -> None:
    pushed(journey("1-0"))


def taken_and_lost() -> None:
    journey("1-0")


def opened_twice() -> None:
    pushed(journey("1-0"))
    journey("1-0")


def opened_by_nobody() -> None:
    pushed(None)


def opened_for_another() -> None:
    pushed(journey("2-0"))


@pytest.mark.parametrize(
    ("story", "end", "broken"),
    [
        (all_is_well, "refused", []),
        (all_is_well, LOST_OPENING, []),
        (taken_and_lost, "refused", [TAKEN_AND_LOST]),
        (opened_twice, "refused", [OPENED_TWICE]),
        (opened_by_nobody, "refused", [OPENED_NONE]),
        (opened_by_nobody, LOST_OPENING, [OPENED_NONE, REFUSED]),
        (opened_for_another, "refused", [OPENED_NONE]),
    ],
)
def test_a_request_uri_opens_one_journey_and_its_own(
    context: Flask, database: Database, story: Callable[[], None], end: str, broken: list[str]
) -> None:
    story()
    db.session.commit()
    found = judged(database, Attempt("1-0", "somebody", request_uri=URI, opened=True, end=end))
    ours = (TAKEN_AND_LOST, OPENED_TWICE, OPENED_NONE, REFUSED)
    assert [name for name in ours if found[name]] == broken


def test_a_request_that_was_removed_in_its_time_is_not_lost(context: Flask, database: Database) -> None:
    early = Attempt("1-0", "somebody", request_uri=URI, pushed_at=clock.epoch() - 4000, end="refused")
    late = Attempt("2-0", "somebody", request_uri=f"{URI}s", pushed_at=clock.epoch() - 3000, end="refused")
    assert judged(database, early)[TAKEN_AND_LOST] == 0
    assert judged(database, early, late)[TAKEN_AND_LOST] == 1


def test_pushes_are_counted_also_those_that_were_made_again(context: Flask, database: Database) -> None:
    plain = Attempt("1-0", "somebody", end="refused")
    again = Attempt("2-0", "another", request_uri=URI, troubled=[PAR, "/elsewhere", PAR], end="refused")
    found = judged(database, plain, again)
    assert (found["requests pushed first"], found["pushed once more, as no request_uri came"]) == (1, 2)


LOST_CODE = "begun anew: the answer with the code was lost"
NOTHING = "begun anew: nothing led on"


@pytest.mark.parametrize(
    ("path", "status", "troubled", "end", "noted"),
    [
        (RESUME, 409, [], LOST_CODE, 1),
        (RESUME, 409, [RESULT], LOST_CODE, 1),
        (RESUME, 409, [RESUME], LOST_CODE, 0),
        (AUTHORIZE, 403, [], LOST_OPENING, 1),
        (AUTHORIZE, 403, [AUTHORIZE], LOST_OPENING, 0),
        # Nothing was lost here that is given once, however long ago the step had another trouble.
        (RESULT, 409, [RESULT], NOTHING, 1),
        (RESULT, 410, [RESULT], NOTHING, 1),
        (RESUME, 410, [RESUME], NOTHING, 1),
    ],
)
def test_only_a_loss_that_was_seen_is_not_a_second_trouble_of_a_later_moment(
    database: Database, path: str, status: int, troubled: list[str], end: str, noted: int
) -> None:
    ledger, stand_in = Ledger(), StandIn("https://x.test")
    world = World([], "https://x.test", stand_in, ledger, now=lambda: 60.0)
    attempt = Attempt("1-0", "somebody", request_uri=URI, troubled=list(troubled))
    assert Person(world, "somebody", 1)._dead_end(path, Reply(status, {}, (), ""), attempt) == end
    assert [trouble.at for trouble in ledger.troubles] == [60.0] * noted


def judged(database: Database, *attempts: Attempt) -> dict[str, int]:
    """The number of each finding."""
    ledger = Ledger()
    for attempt in attempts:
        attempt.pushed_at = attempt.pushed_at or clock.epoch()
        ledger.attempts.append(attempt)
    address = database.url.replace("+psycopg", "")
    return {one.what: one.count for one in invariants.findings(address, ledger, StandIn("https://x.test"))}
