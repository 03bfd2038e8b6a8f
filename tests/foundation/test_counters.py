"""Counting in the process's memory: fixed windows, no threads, nothing kept for ever."""

import threading
from types import SimpleNamespace

import pytest
from flask import Flask, Response
from flask_limiter import RequestLimit
from limits import parse, parse_many
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter
from werkzeug.exceptions import TooManyRequests

from portal import counters, extensions
from portal.counters import ProcessLimits, ProcessStorage
from portal.extensions import counted_address
from portal.settings import rates
from tests.support.moving_clock import MovingClock


def test_a_window_counts_and_ends(clock: MovingClock) -> None:
    storage = ProcessStorage()
    assert [storage.incr("amara", 60) for _ in range(3)] == [1, 2, 3]
    assert storage.get("amara", 60) == 3
    assert storage.get_expiry("amara") == clock.now().timestamp() + 60
    clock.advance(60)
    assert storage.get("amara", 60) == 0
    assert storage.incr("amara", 60) == 1


def test_a_clock_that_is_set_back_keeps_nobody_out_for_longer(clock: MovingClock) -> None:
    storage = ProcessStorage()
    storage.incr("amara", 60, amount=30)
    clock.advance(-3600)
    assert storage.get("amara", 60) == 0
    assert storage.incr("amara", 60) == 1
    clock.advance(30)
    assert storage.incr("amara", 60) == 2
    clock.advance(30)
    assert storage.incr("amara", 60) == 1


def test_what_is_no_call_of_a_view_is_counted_by_its_place(clock: MovingClock) -> None:
    counts, rate = ProcessLimits(), "2 per minute; 3 per hour"
    ends = clock.now().timestamp() + 60
    assert [counts.count(rate, "secrets", "amara") for _ in range(3)] == [None, None, ends]
    assert not counts.has_room(rate, "secrets", "amara")
    assert counts.has_room(rate, "secrets", "dana")
    assert counts.count(rate, "secrets", "dana") is None
    clock.advance(60)
    assert not counts.has_room(rate, "secrets", "amara"), "the longer limit holds as well"
    assert counts.has_room(rate, "secrets", "dana")


@pytest.mark.parametrize("rate", [
    "30 per minute", "50 per hour; 2 per minute", "10/second", "5 per 2 minutes", "1/day,2/hour|3/minute",
    "1 PER Minute", "5/2hours", "5per minute", "0 per year", " 7  per 12 Months ", "5 per 0 minute",
])  # fmt: skip
def test_a_rate_is_read_as_the_library_reads_it(rate: str) -> None:
    """One setting says it to both ways of counting."""
    assert rates.parsed(rate) == tuple((item.amount, item.get_expiry()) for item in parse_many(rate))


@pytest.mark.parametrize(
    "rate", ["", "x", "1 per", "7 per min", "5 per minute;", "-1 per minute", "1 per week"]
)
def test_what_is_no_rate_is_refused_as_the_library_refuses_it(rate: str) -> None:
    for read in (rates.parsed, parse_many):
        with pytest.raises(ValueError):
            read(rate)


def test_expired_windows_are_dropped_in_passing(clock: MovingClock) -> None:
    storage = ProcessStorage()
    for number in range(500):
        storage.incr(f"address {number}", 60)
    clock.advance(61)
    for _ in range(600):
        storage.incr("amara", 60)
    assert len(storage._windows) == 1


def test_counting_starts_no_thread() -> None:
    before = threading.active_count()
    storage = ProcessStorage()
    for number in range(50):
        storage.incr(str(number), 60)
    assert storage.get("1", 60) == 1
    assert threading.active_count() == before


def test_no_call_is_lost_between_threads() -> None:
    storage = ProcessStorage()
    threads = [
        threading.Thread(target=lambda: [storage.incr("amara", 60) for _ in range(500)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert storage.get("amara", 60) == 2000


def test_limits_of_one_number_and_two_periods_are_counted_apart(clock: MovingClock) -> None:
    rate = "2 per minute; 2 per hour"
    view = ProcessLimits().limit(lambda: "seen", "page", lambda: rate, key_func=lambda: "amara")
    with Flask(__name__).test_request_context():
        assert [view(), view()] == ["seen", "seen"]
        clock.advance(60)
        with pytest.raises(TooManyRequests):
            view()


@pytest.mark.parametrize(
    ("peer", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.8", "192.0.2.8"),
    ],
)
def test_whoever_has_a_network_of_addresses_is_counted_once(peer: str, counted: str) -> None:
    with Flask(__name__).test_request_context(environ_base={"REMOTE_ADDR": peer}):
        assert counted_address() == counted


def test_memory_has_a_bound_and_the_oldest_windows_make_room(
    clock: MovingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counters, "_MOST_KEPT", 100)
    storage = ProcessStorage()
    storage.incr("first", 3600)
    most = 0
    for number in range(1000):
        assert storage.incr(f"network {number}", 60) == 1, "a full table refuses nobody"
        most = max(most, len(storage._windows))
    assert most == 100
    assert storage.get("first", 3600) == 0
    assert [storage.get(f"network {number}", 60) for number in (0, 999)] == [0, 1]


def test_what_has_expired_makes_room_before_what_has_not(
    clock: MovingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counters, "_MOST_KEPT", 100)
    storage = ProcessStorage()
    storage.incr("oldest", 3600)
    for number in range(50):
        storage.incr(f"short {number}", 60)
    clock.advance(60)
    for number in range(50):
        storage.incr(f"long {number}", 3600)
    assert [storage.get(key, 3600) for key in ("oldest", "long 0", "long 49", "short 0")] == [1, 1, 1, 0]


def test_a_window_that_began_anew_is_young(clock: MovingClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counters, "_MOST_KEPT", 100)
    storage = ProcessStorage()
    storage.incr("amara", 60)
    for number in range(20):
        storage.incr(f"old {number}", 3600)
    clock.advance(60)
    storage.incr("amara", 60)
    for number in range(80):
        storage.incr(f"network {number}", 3600)
    assert [storage.get(key, 3600) for key in ("old 0", "old 19", "amara", "network 79")] == [0, 1, 1, 1]


def test_a_full_table_is_looked_through_once_for_many_strangers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counters, "_MOST_KEPT", 1000)
    storage, sweeps = ProcessStorage(), 0
    sweep = storage._sweep

    def counted(now: float) -> None:
        nonlocal sweeps
        sweeps += 1
        sweep(now)

    monkeypatch.setattr(storage, "_sweep", counted)
    for number in range(5000):
        storage.incr(f"network {number}", 3600)
    assert sweeps <= 5000 // 100


class MovableStorage(ProcessStorage, Storage):
    """A storage for ``limits`` whose clock can be moved."""

    STORAGE_SCHEME = ["movable"]  # noqa: RUF012 - the base class declares it so
    base_exceptions = ValueError
    check = reset = clear = None  # type: ignore[assignment]

    def __init__(self) -> None:
        ProcessStorage.__init__(self)

    def get(self, key: str, expiry: float = 60) -> int:
        return super().get(key, expiry)


class Shared:
    """What Flask-Limiter's account of a limit needs of the extension."""

    def __init__(self) -> None:
        self.limiter = FixedWindowRateLimiter(MovableStorage())


#: Moments within a second at which a window begins, and how much later somebody is refused.
_FRACTIONS = [(0.0, 0.0), (0.9, 1.2), (0.1, 0.8), (0.5, 58.9), (0.999, 59.9)]


@pytest.mark.parametrize(("begins", "later"), _FRACTIONS)
def test_whoever_waits_as_long_as_was_said_is_let_in(clock: MovingClock, begins: float, later: float) -> None:
    view = ProcessLimits().limit(lambda: "seen", "page", lambda: "1 per minute", key_func=lambda: "amara")
    clock.advance(begins)
    with Flask(__name__).test_request_context():
        assert view() == "seen"
        clock.advance(later)
        with pytest.raises(TooManyRequests) as refused:
            view()
        wait = int(dict(refused.value.get_headers())["Retry-After"])
        assert wait < 60 - later + 1
        clock.advance(wait)
        assert view() == "seen"


@pytest.mark.parametrize(("begins", "later"), _FRACTIONS)
def test_the_shared_count_says_so_too(clock: MovingClock, begins: float, later: float) -> None:
    """Flask-Limiter's own account of a limit, over a storage whose clock can be moved."""
    shared, rate, app = Shared(), parse("1 per minute"), Flask(__name__)
    counts = shared.limiter
    clock.advance(begins)
    assert counts.hit(rate, "amara")
    clock.advance(later)
    assert not counts.hit(rate, "amara")
    refused = RequestLimit(shared, rate, ["amara"], True, False)  # type: ignore[arg-type]
    app.extensions["portal.limiter"] = SimpleNamespace(current_limit=refused)
    with app.app_context():
        answer = extensions._say_when_to_come_back(Response(status=429))
    wait = int(answer.headers["Retry-After"])
    assert wait < 60 - later + 2
    clock.advance(wait)
    assert counts.hit(rate, "amara")
