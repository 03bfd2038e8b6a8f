import pytest

from portal.http import Answer, Outbound, OutboundUnreadable


def answer(body: bytes) -> Answer:
    return Answer(200, {}, body)


def test_an_answer_is_read_as_json():
    assert answer(b'{"a": [1, null]}').json() == {"a": [1, None]}


@pytest.mark.parametrize("body", [b"", b"<html>", b"{", b"NaN", b'{"a": Infinity}', b"\xff", b"[" * 200_000])
def test_what_is_not_json_is_unreadable(body):
    with pytest.raises(OutboundUnreadable):
        answer(body).json()


def test_a_name_given_twice_is_unreadable_because_two_readers_would_disagree():
    with pytest.raises(OutboundUnreadable):
        answer(b'{"result": "failed", "result": "passed"}').json()


def test_headers_are_found_by_their_lower_case_names(server):
    server.answer("200 OK", b"{}", "Cache-Control: max-age=60")
    assert Outbound().get(server.url).headers["cache-control"] == "max-age=60"


def test_a_posted_document_arrives_as_json(server):
    server.answer("200 OK")
    Outbound().post_json(server.url, {"a": "ü"}, headers={"Authorization": "ApiKey k"})
    request = server.requests[0]
    assert request.startswith("POST / HTTP/1.1")
    assert "Authorization: ApiKey k" in request
    assert request.endswith('{"a":"\\u00fc"}')
