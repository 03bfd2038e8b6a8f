import threading

import pytest

from portal.http import Breaker, Outbound, OutboundUnavailable, OutboundUnreadable


def fail(breaker: Breaker) -> None:
    with pytest.raises(OutboundUnavailable), breaker.guard():
        raise OutboundUnavailable("no")


def succeed(breaker: Breaker) -> None:
    with breaker.guard():
        pass


def refused(breaker: Breaker) -> bool:
    reached = False
    try:
        with breaker.guard():
            reached = True
    except OutboundUnavailable:
        pass
    return not reached


def opened(clock) -> Breaker:
    breaker = Breaker(failures=3, open_seconds=30)
    for _ in range(3):
        fail(breaker)
    assert breaker.is_open
    return breaker


def test_it_opens_after_enough_failures_in_a_row(clock):
    assert refused(opened(clock))


def test_a_success_between_failures_starts_the_count_again(clock):
    breaker = Breaker(failures=3)
    for _ in range(2):
        fail(breaker)
        fail(breaker)
        succeed(breaker)
    assert not breaker.is_open


def test_another_error_means_that_somebody_answered(clock):
    breaker = Breaker(failures=1)
    with pytest.raises(OutboundUnreadable), breaker.guard():
        raise OutboundUnreadable("too long")
    assert not breaker.is_open


def test_a_call_that_was_interrupted_says_nothing_about_the_upstream(clock):
    breaker = Breaker(failures=2)
    fail(breaker)
    with pytest.raises(KeyboardInterrupt), breaker.guard():
        raise KeyboardInterrupt
    fail(breaker)
    assert breaker.is_open


def test_after_a_while_one_call_is_tried_and_closes_it(clock):
    breaker = opened(clock)
    clock.advance(31)
    succeed(breaker)
    assert not breaker.is_open


def test_a_failed_trial_opens_it_for_the_full_time_again(clock):
    breaker = opened(clock)
    clock.advance(31)
    fail(breaker)
    clock.advance(29)
    assert refused(breaker)
    clock.advance(2)
    assert not refused(breaker)


def test_during_a_trial_all_others_fail_at_once(clock):
    breaker = opened(clock)
    clock.advance(31)
    with breaker.guard():
        assert refused(breaker)
    assert not breaker.is_open


def test_a_trial_that_never_ended_does_not_close_the_way_for_ever(clock):
    breaker = opened(clock)
    clock.advance(31)
    breaker.guard().__enter__()
    clock.advance(31)
    assert not refused(breaker)


def test_a_clock_set_back_does_not_lengthen_the_wait(clock):
    breaker = opened(clock)
    clock.advance(-86_400)
    assert not refused(breaker)


def test_calls_of_several_threads_run_at_the_same_time():
    breaker = Breaker()
    together = threading.Barrier(3, timeout=5)

    def call() -> None:
        with breaker.guard():
            together.wait()

    threads = [threading.Thread(target=call) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=6)
    assert not together.broken


def test_one_upstream_has_one_breaker():
    outbound = Outbound()
    assert outbound.breaker("https://a.example") is outbound.breaker("https://a.example")
    assert outbound.breaker("https://a.example") is not outbound.breaker("https://b.example")
