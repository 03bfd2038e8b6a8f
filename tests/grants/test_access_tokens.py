"""Access tokens: what they grant, for how long, and to whom they belong."""

import pytest

from portal.extensions import db
from portal.grants import codes
from portal.models import Client
from tests.support import factories


@pytest.fixture
def token(context, clock):
    """Issue access tokens, each from a code of its own."""

    def make(person=None, client=None):
        person = person or factories.user()
        journey = factories.journey(client, person)
        code = codes.mint(
            journey_id=journey.id, client_id=journey.client_id, user_id=person.id,
            redirect_uri=factories.RP_REDIRECT_URI, scope="openid", code_challenge=None, id_token_claims={},
            userinfo_claims={"sub": person.id}, confirms_enrolment=None, lifetime=60,
        )  # fmt: skip
        text = codes.new_access_token()
        assert codes.redeem(codes.find(code), access_token=text, access_lifetime=300)
        return text

    return make


def test_a_live_token_grants_the_stored_claims(token):
    person = factories.user()
    granted = codes.read_access_token(token(person))
    assert (granted.user_id, granted.scope, granted.userinfo_claims) == (
        person.id,
        "openid",
        {"sub": person.id},
    )


def test_a_token_expires(token, clock):
    text = token()
    clock.advance(299)
    assert codes.read_access_token(text) is not None
    clock.advance(1)
    assert codes.read_access_token(text) is None


@pytest.mark.parametrize("text", ["", "vpa_", "vpc_x", "vpa_" + "x" * 200, "vpa_\x00", "vpa_\ud800"])
def test_what_is_no_token_grants_nothing(token, text):
    token()
    assert codes.read_access_token(text) is None


def test_a_client_revokes_its_own_token_and_nobody_elses(token):
    text = token()
    owner = codes.read_access_token(text).client_id
    assert not codes.revoke_access_token(text, client_id="another client")
    assert codes.read_access_token(text) is not None
    assert codes.revoke_access_token(text, client_id=owner)
    assert codes.read_access_token(text) is None
    assert not codes.revoke_access_token(text, client_id=owner)


def test_revoking_all_of_a_person_leaves_others_alone(token):
    amara, bela = factories.user(), factories.user()
    client, _ = factories.oidc_client()
    mine, other = token(amara, client), token(bela, client)
    assert db.session.get_one(Client, client.id)
    assert codes.revoke_all_of(amara.id) == 1
    assert codes.read_access_token(mine) is None
    assert codes.read_access_token(other) is not None
