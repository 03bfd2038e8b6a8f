"""Time has one source, which a test can move."""

from datetime import UTC

from portal import clock as portal_clock


def test_the_real_clock_is_in_utc_and_goes_on():
    before = portal_clock.now()
    assert before.tzinfo is UTC
    assert portal_clock.now() >= before
    assert portal_clock.monotonic() <= portal_clock.monotonic()


def test_a_moved_clock_moves_everything_that_asks_for_time(clock):
    start, epoch = portal_clock.now(), portal_clock.epoch()
    clock.advance(90)
    assert (portal_clock.now() - start).total_seconds() == 90
    assert portal_clock.epoch() == epoch + 90
    assert (portal_clock.after(-90), portal_clock.after(0)) == (start, portal_clock.now())


def test_waiting_under_a_moved_clock_takes_no_time(clock):
    start, real = portal_clock.now(), portal_clock.monotonic()
    portal_clock.sleep(3600)
    assert (portal_clock.now() - start).total_seconds() == 3600
    assert portal_clock.monotonic() - real < 60
    assert clock.waits == [3600]


def test_the_real_clock_is_back_after_a_test_that_moved_it():
    assert abs((portal_clock.now() - portal_clock._system_now()).total_seconds()) < 5


def test_what_is_remembered_ends_in_its_time_and_not_later_by_a_clock_set_back(clock):
    end = portal_clock.after(2)
    assert portal_clock.is_within(end, 2)
    clock.advance(2)
    assert not portal_clock.is_within(end, 2)
    clock.advance(-3)
    assert not portal_clock.is_within(end, 2)
