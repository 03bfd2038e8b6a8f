"""Counting in the process's memory: fixed windows, no threads, nothing kept for ever."""

import threading

import pytest
from flask import Flask
from limits import parse
from limits.strategies import FixedWindowRateLimiter
from werkzeug.exceptions import TooManyRequests

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
