"""Counting in the process's memory: fixed windows, no threads, nothing kept for ever."""

import threading
from types import SimpleNamespace

import pytest
from flask import Flask, Response
from flask_limiter import RequestLimit
from limits import parse
from limits.strategies import FixedWindowRateLimiter
from werkzeug.exceptions import TooManyRequests

from portal import counters, extensions
from portal.counters import ProcessLimits, ProcessStorage
from portal.extensions import counted_address
from tests.support.moving_clock import MovingClock


def test_a_window_counts_and_ends(clock: MovingClock) -> None:
    storage = ProcessStorage()
    assert [storage.incr("amara", 60) for _ in range(3)] == [1, 2, 3]
    assert storage.get("amara") == 3
    assert storage.get_expiry("amara") == clock.now().timestamp() + 60
    clock.advance(60)
    assert storage.get("amara") == 0
    assert storage.incr("amara", 60) == 1


def test_the_strategy_of_the_limiter_holds_on_it(clock: MovingClock) -> None:
    limiter, rate = FixedWindowRateLimiter(ProcessStorage()), parse("2 per minute")
    assert [limiter.hit(rate, "amara") for _ in range(3)] == [True, True, False]
    assert limiter.hit(rate, "dana")


def test_expired_windows_are_dropped_in_passing(clock: MovingClock) -> None:
    storage = ProcessStorage()
    for number in range(500):
        storage.incr(f"address {number}", 60)
    clock.advance(61)
    for _ in range(600):
        storage.incr("amara", 60)
    assert storage.reset() == 1


def test_counting_starts_no_thread() -> None:
    before = threading.active_count()
    storage = ProcessStorage()
    for number in range(50):
        storage.incr(str(number), 60)
    storage.clear("1")
    assert storage.get("1") == 0
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
    assert storage.get("amara") == 2000


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
    assert storage.get("first") == 0
    assert [storage.get(f"network {number}") for number in (0, 999)] == [0, 1]


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
    assert [storage.get(key) for key in ("oldest", "long 0", "long 49", "short 0")] == [1, 1, 1, 0]


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
    assert [storage.get(key) for key in ("old 0", "old 19", "amara", "network 79")] == [0, 1, 1, 1]


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


class Shared:
    """What Flask-Limiter's account of a limit needs of the extension."""

    def __init__(self) -> None:
        self.limiter = FixedWindowRateLimiter(ProcessStorage())


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
