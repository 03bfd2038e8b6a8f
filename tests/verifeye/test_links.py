import re
from urllib.parse import urlsplit

import pytest

from portal.verifeye import signing
from portal.verifeye.client import _check_signed
from portal.verifeye.errors import VerifEyeUnavailable
from tests.verifeye.conftest import API_KEY, CONFIGURATION

PARAMETERS = {"state": "0" * 32, "reExternalId": "1" * 32}


@pytest.mark.parametrize("sign_locally", [False, True])
def test_a_link_leads_to_the_hosted_page_signed_expiring_and_single_use(
    make_client, configuration, clock, sandbox_server, sign_locally
):
    link = make_client(sign_locally=sign_locally).signed_link(CONFIGURATION, PARAMETERS, 300)
    assert link.startswith(f"{sandbox_server.origin}/verification/{CONFIGURATION}?")
    query = urlsplit(link).query
    assert re.fullmatch(
        r"state=0{32}&reExternalId=1{32}&reExpiration=\d+&reNonce=[0-9a-f]{32}&reSignature=[0-9a-f]{64}",
        query,
    )
    assert f"reExpiration={int(clock.now().timestamp()) + 300}&" in query
    assert signing.verify(query, API_KEY)


@pytest.mark.parametrize("sign_locally", [False, True])
def test_the_sandbox_accepts_a_link_once(make_client, configuration, capture, sandbox_server, sign_locally):
    capture.client = make_client(sign_locally=sign_locally)
    link = capture.link()
    sandbox_server.next_session(times=2)
    assert capture.follow(link).status == 303
    assert capture.follow(link).status == 410


def test_every_link_is_another(capture):
    assert capture.link(state="0" * 32) != capture.link(state="0" * 32)


@pytest.mark.parametrize(
    "parameters",
    [
        {"state": "A"},
        {"state": ""},
        {"state": "a b"},
        {"state": "a&reVerificationResult=passed"},
        {"state": "a%20"},
        {"state": "ü"},
        {"state": "a\n"},
        {"state": "a" * 129},
        {"State": "a"},
        {"reVerificationResult": "passed"},
        {"reDisableLivenessVerifier": "true"},
        {"other": "a"},
    ],
)
@pytest.mark.parametrize("sign_locally", [False, True])
def test_only_our_own_parameters_are_ever_signed(make_client, parameters, sign_locally):
    with pytest.raises(ValueError, match="not ours"):
        make_client(sign_locally=sign_locally).signed_link(CONFIGURATION, parameters, 300)


@pytest.mark.parametrize("lifetime", [0, -1, 59, 604_801])
def test_a_lifetime_the_vendor_would_not_take_is_refused(make_client, lifetime):
    with pytest.raises(ValueError, match="between 60 seconds and 7 days"):
        make_client().signed_link(CONFIGURATION, PARAMETERS, lifetime)


@pytest.mark.parametrize("configuration_id", ["", "..", "../../admin", "a" * 32 + "/x", "not-a-uuid"])
def test_only_a_uuid_names_a_configuration(make_client, configuration_id):
    with pytest.raises(ValueError, match="UUID"):
        make_client().signed_link(configuration_id, PARAMETERS, 300)


GOOD = "state=a&reExpiration=1747852345&reNonce=bf5c7f4e8a794e41&reSignature=" + "0" * 64


def test_a_good_signed_query_is_taken():
    _check_signed(GOOD, {"state": "a"})


@pytest.mark.parametrize(
    "query",
    [
        "",
        GOOD + "#x",
        GOOD + " ",
        GOOD + "\r\nX-Header: 1",
        GOOD + "&extra=1",
        GOOD + "&state=a",
        GOOD + "&State=b",
        GOOD.replace("state=a", "state=b"),
        GOOD.replace("state=a&", ""),
        GOOD.replace("state=", "State="),
        GOOD.replace("&reNonce=bf5c7f4e8a794e41", ""),
        GOOD.replace("1747852345", "soon"),
        GOOD.partition("&reSignature")[0],
    ],
)
def test_a_signed_query_that_is_not_the_one_asked_for_is_not_used(query):
    with pytest.raises(VerifEyeUnavailable):
        _check_signed(query, {"state": "a"})
