"""Our signed texts and itsdangerous' own: one format, whoever writes and whoever reads."""

from datetime import UTC, datetime
from typing import Any

import pytest
from itsdangerous import BadData, URLSafeTimedSerializer

from portal import clock
from portal.signed_text import SignedText

OLD, NEW = "old-" + "k" * 40, "new-" + "k" * 40
AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DOCUMENTS: list[Any] = [["0123456789abcdef" * 2, 7], "a" * 40, "å„€“", ["x" * 2_000], None]


def theirs(*oldest_first: str, salt: str = "here") -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(list(oldest_first), salt=salt)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: type(document).__name__)
def test_each_reads_what_the_other_wrote(document: Any) -> None:
    assert SignedText([NEW], salt="here").loads(theirs(NEW).dumps(document)) == document
    assert theirs(NEW).loads(SignedText([NEW], salt="here").dumps(document)) == document


def test_the_time_in_it_is_the_portals() -> None:
    clock.replace(now=lambda: AT)
    try:
        text = SignedText([NEW], salt="here").dumps("document")
    finally:
        clock.replace()
    assert theirs(NEW).loads(text, return_timestamp=True) == ("document", AT)


def test_the_newest_key_signs_and_each_listed_one_is_accepted() -> None:
    both = SignedText([NEW, OLD], salt="here")
    assert both.loads(theirs(OLD).dumps(1)) == 1
    assert theirs(NEW).loads(both.dumps(1)) == 1
    with pytest.raises(BadData):
        SignedText([NEW], salt="here").loads(theirs(OLD).dumps(1))


def test_a_text_is_good_for_its_own_purpose_only() -> None:
    with pytest.raises(BadData):
        SignedText([NEW], salt="here").loads(SignedText([NEW], salt="there").dumps(1))


def test_a_salt_that_is_named_in_the_call_counts() -> None:
    signed = SignedText([NEW], salt="here")
    assert theirs(NEW, salt="there").loads(signed.dumps(1, salt="there")) == 1
    assert signed.loads(theirs(NEW, salt="there").dumps(1), salt="there") == 1
    with pytest.raises(BadData):
        signed.loads(signed.dumps(1, salt="there"))


def test_no_altered_text_is_read() -> None:
    signed = SignedText([NEW], salt="here")
    text = signed.dumps(["a journey", 0])
    # The last letter of the signature carries bits that mean nothing: A to D are one and the same.
    for place in range(len(text) - 1):
        with pytest.raises(BadData):
            signed.loads(text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :])
