import pytest

from portal.verifeye.errors import VerifEyeRefused


@pytest.fixture(params=[False, True], ids=["there", "here"])
def validating(request, make_client, configuration):
    return make_client(sign_locally=request.param)


def test_a_return_is_valid_and_stays_so(validating, capture):
    query = capture.returned_query()
    assert validating.is_valid(query)
    assert validating.is_valid("?" + query)


def test_a_tampered_return_is_not_valid(validating, capture):
    assert not validating.is_valid(capture.returned_query(outcome="tampered_signature"))


def test_a_changed_value_is_not_valid(validating, capture):
    query = capture.returned_query(outcome="liveness_fails")
    assert not validating.is_valid(query.replace("failed", "passed"))


def test_validity_ignores_case_and_order_which_is_why_the_reader_is_strict(validating, capture):
    query = capture.returned_query()
    signed, _, signature = query.rpartition("&")
    assert validating.is_valid("&".join(reversed(signed.split("&"))) + f"&{signature}")
    assert validating.is_valid(signed.upper() + f"&{signature}")


@pytest.mark.parametrize(
    "query", ["a=1", "a=1&reSignature=", "a", "&&&", "%", "%00", "\x00", "\udcff", "reSignature=x"]
)
def test_nonsense_is_not_valid(validating, query):
    assert not validating.is_valid(query)


def test_an_empty_query_is_not_valid(validating):
    assert not validating.is_valid("")


def test_a_wrong_key_is_our_fault_and_not_the_querys(make_client, configuration):
    with pytest.raises(VerifEyeRefused):
        make_client("nobodys-key").is_valid("a=1")
