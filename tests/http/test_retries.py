import pytest

from portal.http import Outbound, OutboundUnavailable


def test_a_get_is_repeated_after_an_answer_that_may_pass(server, clock):
    server.answer("503 Service Unavailable")
    server.answer("502 Bad Gateway")
    server.answer("200 OK", b'{"third": true}')
    assert Outbound().get(server.url).json() == {"third": True}
    assert len(clock.waits) == 2


def test_a_get_is_repeated_after_a_connection_that_was_cut(server, clock):
    server.script.append(b"")
    server.answer("200 OK")
    assert Outbound().get(server.url).status == 200


def test_a_get_is_tried_three_times_and_no_more(server, clock):
    with pytest.raises(OutboundUnavailable):
        Outbound().get(server.url)
    assert len(server.requests) == 3


def test_the_last_bad_answer_is_returned_as_it_is(server, clock):
    for _ in range(3):
        server.answer("503 Service Unavailable")
    assert Outbound().get(server.url).status == 503


def test_the_pauses_grow(server, clock):
    with pytest.raises(OutboundUnavailable):
        Outbound().get(server.url)
    first, second = clock.waits
    assert 0.1 <= first <= 0.2 <= second <= 0.4


def test_other_errors_are_not_worth_another_try(server, clock):
    server.answer("500 Internal Server Error")
    assert Outbound().get(server.url).status == 500
    assert clock.waits == []


def test_a_post_is_never_repeated(server, clock):
    with pytest.raises(OutboundUnavailable):
        Outbound().post_json(server.url, {})
    assert len(server.requests) == 1
