"""Authorization codes: single use, short life, digests only."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from portal import credentials
from portal.extensions import db
from portal.grants import codes
from portal.models import AuthorizationGrant
from tests.support import factories


@pytest.fixture
def mint(context, clock):
    person = factories.user()
    journey = factories.journey(person=person)

    def make(**changes):
        values = {
            "journey_id": journey.id,
            "client_id": journey.client_id,
            "user_id": person.id,
            "redirect_uri": factories.RP_REDIRECT_URI,
            "scope": "openid email",
            "code_challenge": "c" * 43,
            "id_token_claims": {"sub": person.id, "nonce": "n"},
            "userinfo_claims": {"sub": person.id},
            "confirms_enrolment": None,
            "lifetime": 60,
        }
        return codes.mint(**values | changes)

    return make


def redeem(code, token="vpa_a-token", lifetime=300):
    return codes.redeem(codes.find(code), access_token=token, access_lifetime=lifetime)


def test_a_code_stands_for_what_was_stored_when_it_was_minted(mint):
    grant = codes.find(mint())
    assert (grant.scope, grant.redirect_uri) == ("openid email", factories.RP_REDIRECT_URI)
    assert grant.id_token_claims["nonce"] == "n"
    assert (grant.redeemed_at, grant.revoked_at) == (None, None)


def test_only_digests_of_code_and_token_are_stored(mint):
    code = mint()
    redeem(code, "vpa_the-access-token")
    row = db.session.scalars(select(AuthorizationGrant)).one()
    stored = repr(vars(row))
    assert code not in stored
    assert "the-access-token" not in stored
    assert row.code_digest == credentials.digest(code)


def test_a_code_is_redeemed_once(mint):
    code = mint()
    grant = codes.find(code)
    assert codes.redeem(grant, access_token="vpa_first", access_lifetime=300)
    assert not codes.redeem(grant, access_token="vpa_second", access_lifetime=300)
    assert codes.read_access_token("vpa_first") is not None
    assert codes.read_access_token("vpa_second") is None


def test_a_code_is_good_until_the_moment_it_expires_and_no_longer(mint, clock):
    just_in_time, too_late = mint(lifetime=60), mint(lifetime=60)
    clock.advance(59)
    assert redeem(just_in_time, "vpa_1")
    clock.advance(1)
    assert not redeem(too_late, "vpa_2")


def test_a_grant_is_removed_a_day_after_its_token_has_ended(mint, clock):
    code = mint(lifetime=60)
    assert redeem(code, lifetime=300)
    clock.advance(60 + 300 + 86_400)
    assert codes.prune(longest_token=300) == 0
    young = mint(lifetime=60)
    clock.advance(1)
    assert codes.prune(longest_token=300) == 1
    assert (codes.find(code), codes.find(young) is None) == (None, False)


def test_a_revoked_code_cannot_be_redeemed(mint):
    code = mint()
    assert codes.revoke_produced_by(codes.find(code))
    assert not redeem(code)


def test_revoking_what_a_code_produced_kills_the_access_token_once(mint):
    code = mint()
    redeem(code, "vpa_token")
    assert codes.revoke_produced_by(codes.find(code))
    assert codes.read_access_token("vpa_token") is None
    assert not codes.revoke_produced_by(codes.find(code))


@pytest.mark.parametrize("text", ["", "vpc_", "vpa_x", "vpc_" + "x" * 200, "vpc_\x00", "vpc_ÿ", "vpc_\ud800"])
def test_what_is_no_code_stands_for_nothing(mint, text):
    assert codes.find(text) is None


def test_a_code_without_its_prefix_or_with_one_letter_changed_stands_for_nothing(mint):
    code = mint()
    assert codes.find(code.removeprefix(codes.CODE_PREFIX)) is None
    assert codes.find(code[:-1] + ("A" if code[-1] != "A" else "B")) is None
    assert codes.find(code.swapcase()) is None


def test_a_grant_that_was_never_minted_cannot_be_redeemed(mint):
    made_up = replace(codes.find(mint()), code_digest="0" * 64)
    assert not codes.redeem(made_up, access_token="vpa_x", access_lifetime=300)


def test_codes_and_tokens_are_unpredictable_and_recognisable(mint):
    made = {mint() for _ in range(50)} | {codes.new_access_token() for _ in range(50)}
    assert len(made) == 100
    assert all(len(text) >= 4 + 43 for text in made)
    assert {text[:4] for text in made} == {codes.CODE_PREFIX, codes.TOKEN_PREFIX}
