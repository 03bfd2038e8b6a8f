"""The invited person proves at Okta who they are; nobody else gets any further, whatever the answer says."""

import json

import pytest
import urllib3
from flask import request, session

from portal.extensions import db
from portal.models import EnrolmentState
from portal.users import holds
from portal.web import okta_sign_in
from tests.enrolment.conftest import connect, invite
from tests.support import factories, okta_identity
from tests.support.person import Person

only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def signed_in(invited):
    person = invited.arrived()
    person.press("Continue with Okta")
    return person


def refused(invited):
    """Return why Okta's answers were refused."""
    return [fields["reason"] for fields in invited.audited("enrolment:identity:refused")]


def test_the_invited_person_signs_in_and_enrols(with_okta, okta):
    person = with_okta.arrived()
    assert "First, you sign in with Okta" in person.page.text
    person.press("Continue with Okta")

    assert person.page.heading == "Set up your face check"
    assert with_okta.login in person.page.text
    assert with_okta.enrol(person).page.heading == "You’re all set"
    assert with_okta.enrolment.state == EnrolmentState.CONFIRMED
    assert with_okta.audited("enrolment:invitation:begun") == [{"signed_in": True}]
    (asked,) = okta.asked
    assert asked["login_hint"] == with_okta.login
    assert asked["response_type"] == "code"
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == "https://portal.test/enrol/okta/callback"
    assert {"state", "nonce", "code_challenge"} <= set(asked)
    assert "prompt" not in asked


@only_sqlite
def test_somebody_else_gets_no_further_and_may_sign_in_again(with_okta, okta):
    honest, okta.okta_id = okta.okta_id, "00umallory"
    person = signed_in(with_okta)
    assert (person.page.status, person.page.heading) == (403, "You signed in as somebody else")
    assert with_okta.journeys() == []
    assert refused(with_okta) == ["wrong_person"]

    okta.okta_id = honest
    person.press("Sign in again")
    assert okta.asked[-1]["prompt"] == "login"
    assert with_okta.enrol(person).page.heading == "You’re all set"


@only_sqlite
def test_the_login_does_not_stand_in_for_another_id(with_okta, okta):
    """Logins are reused; where Okta's id is known, nothing else counts."""
    okta.okta_id = "00usuccessor"
    assert signed_in(with_okta).page.heading == "You signed in as somebody else"


@only_sqlite
@pytest.mark.parametrize(
    ("login", "heading"),
    [
        ("{0}", "Set up your face check"),
        ("mallory@acme.example", "You signed in as somebody else"),
        (None, None),
    ],
)
def test_where_no_id_is_known_the_login_counts(app, sandbox_server, okta, login, heading):
    connect(app, okta)
    invited = invite(app, sandbox_server, okta_id=None)
    invited.okta = okta
    okta.okta_id = "00uunknown"
    okta.login = login.format(invited.login.upper()) if login else None
    assert signed_in(invited).page.heading == (heading or "You signed in as somebody else")


LIES = {
    "another nonce": lambda claims: claims | {"nonce": "of another sign-in"},
    "no nonce": lambda claims: {name: value for name, value in claims.items() if name != "nonce"},
    "another client": lambda claims: claims | {"aud": "0oaother"},
    "several clients": lambda claims: claims | {"aud": ["0oaother", "0oa1signin"], "azp": "0oaother"},
    "another issuer": lambda claims: claims | {"iss": "https://evil.okta.example"},
    "too old": lambda claims: claims | {"exp": claims["iat"] - 3600},
    "no end": lambda claims: {name: value for name, value in claims.items() if name != "exp"},
    "nobody": lambda claims: {name: value for name, value in claims.items() if name != "sub"},
    "a number": lambda claims: claims | {"sub": 7},
    "a list": lambda claims: claims | {"sub": ["00u"]},
}


@only_sqlite
@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_an_id_token_that_is_not_good_is_not_believed(with_okta, okta, lie):
    okta.lie = lie
    person = signed_in(with_okta)
    assert (person.page.status, person.page.heading) == (403, "We couldn’t use that sign-in")
    assert refused(with_okta) == ["bad_id_token"]
    assert with_okta.journeys() == []


@only_sqlite
def test_an_id_token_signed_by_another_key_is_not_believed(with_okta, okta):
    okta.signs_with_another_key = True
    signed_in(with_okta)
    assert refused(with_okta) == ["bad_id_token"]


@only_sqlite
@pytest.mark.parametrize("nothing", [{}, {"keys": []}, {"keys": None}, [], {"keys": [{"kty": "RSA"}]}])
def test_an_okta_that_once_published_no_keys_is_asked_again(with_okta, okta, nothing):
    published, okta.keys = okta.keys, nothing
    person = signed_in(with_okta)
    assert (person.page.status, person.page.heading) == (503, "We can’t reach Okta right now")
    okta.keys = published
    assert signed_in(with_okta).page.heading == "Set up your face check"


@only_sqlite
def test_a_new_key_of_oktas_is_fetched_when_it_is_met(with_okta, okta):
    published = okta.keys
    okta.keys = {"keys": [{**published["keys"][0], "kid": "okta-key-0"}]}
    assert signed_in(with_okta).page.status == 403
    okta.keys = published
    assert signed_in(with_okta).page.heading == "Set up your face check"


@only_sqlite
def test_keys_of_a_kind_that_nobody_knows_here_stand_in_nobodys_way(with_okta, okta):
    okta.keys = {"keys": [{"kty": "LATTICE", "kid": "new", "use": "sig"}, *okta.keys["keys"]]}
    assert signed_in(with_okta).page.heading == "Set up your face check"


@only_sqlite
@pytest.mark.parametrize(
    "discovery",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": None},
        {"jwks_uri": "http://10.0.0.1/keys"},
        {"authorization_endpoint": 7},
        {"id_token_signing_alg_values_supported": ["none", "HS256"]},
    ],
)
def test_a_discovery_document_that_is_not_good_loses_nobody(with_okta, okta, discovery):
    okta.discovery = discovery
    person = signed_in(with_okta)
    assert person.page.status in (403, 503)
    assert with_okta.journeys() == []
    assert with_okta.invitation.ended_at is None


@only_sqlite
@pytest.mark.parametrize(
    ("error", "reason"),
    [("access_denied", "cancelled"), ("server_error", "okta_error"), ("\x00'", "okta_error")],
)
def test_a_sign_in_that_was_given_up_can_be_begun_again(with_okta, okta, error, reason):
    okta.error = error
    person = signed_in(with_okta)
    assert person.page.status == 403
    assert refused(with_okta) == [reason]
    # Okta says access_denied also of somebody to whom the app is not assigned: trying again never helps.
    assert "ask for help and give the reference below" in person.page.text
    okta.error = None
    person.press("Sign in again")
    assert person.page.heading == "Set up your face check"


@only_sqlite
def test_okta_away_before_the_sign_in_loses_nothing(clock, with_okta, okta):
    okta.status = 503
    person = signed_in(with_okta)
    assert (person.page.status, person.page.heading) == (503, "We can’t reach Okta right now")
    assert int(person.page.headers["Retry-After"]) > 0
    okta.status = 200
    clock.advance(60)
    assert with_okta.enrol(signed_in(with_okta)).page.heading == "You’re all set"


@only_sqlite
def test_okta_away_after_the_sign_in_loses_nothing(with_okta, okta):
    signed_in(with_okta)  # discovery is known from now on
    person = with_okta.arrived()
    okta.app.before_request_funcs[None].append(
        lambda: ({"error": "later"}, 503) if request.path.endswith("/token") else None
    )
    person.press("Continue with Okta")
    assert (person.page.status, person.page.heading) == (503, "We can’t reach Okta right now")
    assert with_okta.invitation.ended_at is None


@only_sqlite
def test_a_client_secret_that_okta_refuses_is_ours_to_mend(app, sandbox_server, okta):
    connect(app, okta, secret="not-the-secret-that-okta-knows")
    invited = invite(app, sandbox_server)
    invited.okta = okta
    assert signed_in(invited).page.status == 503


@only_sqlite
@pytest.mark.parametrize(
    "query", ["", "?state=made-up&code=stolen", "?state=&code=x", "?error=access_denied"]
)
def test_an_answer_that_nobody_asked_for_is_refused(with_okta, query):
    person = with_okta.person()
    person.open(f"/enrol/okta/callback{query}")
    assert (person.page.status, person.page.heading) == (400, "This sign-in can’t be used")


@only_sqlite
def test_an_answer_counts_once_and_only_in_the_browser_that_asked(with_okta, okta):
    person = signed_in(with_okta)
    callback = next(url for url in reversed(person.visited) if "/enrol/okta/callback" in url)
    person.open(callback)
    assert person.page.status == 400
    other = with_okta.person()
    other.open(callback)
    assert other.page.status == 400
    assert len(with_okta.journeys()) == 1


@only_sqlite
def test_an_answer_that_was_never_used_is_refused_in_another_browser(with_okta, okta):
    """Whoever is sent a stranger's answer (RFC 9700, section 4.7) does not go on as that stranger."""
    asker = Person(with_okta.app.test_client(), with_okta.sandbox.origin)
    asker.open(with_okta.url)
    asker.press("Continue with Okta")
    with urllib3.PoolManager() as pool:
        callback = pool.request("GET", asker.arrival.url, redirect=False).headers["Location"]
    other = with_okta.arrived()
    other.press("Continue with Okta")
    other.open(callback)
    assert (other.page.status, other.page.heading) == (400, "This sign-in can’t be used")
    assert len(okta.redeemed) == 1, "only the code of their own sign-in"
    asker.open(callback)
    assert asker.page.heading == "Set up your face check"


@only_sqlite
def test_an_answer_that_names_another_issuer_is_not_redeemed(with_okta, okta):
    okta.answers_as = "https://evil.okta.example"
    assert signed_in(with_okta).page.heading == "We couldn’t use that sign-in"
    assert (refused(with_okta), okta.redeemed) == (["another_issuer"], [])
    okta.answers_as = okta.origin
    assert signed_in(with_okta).page.heading == "Set up your face check"


@only_sqlite
def test_a_code_is_not_shown_to_an_organisation_that_was_connected_meanwhile(app, with_okta):
    person = with_okta.arrived()
    form = person.page.form("Continue with Okta")
    answer = person._client.post(form.action.removeprefix("https://portal.test"), data=form.fields)
    with okta_identity.running() as other:
        connect(app, other)
        person.open(answer.headers["Location"])
        assert person.page.heading == "We couldn’t use that sign-in"
        assert other.redeemed == []
    assert refused(with_okta) == ["another_issuer"]


@only_sqlite
def test_an_answer_for_somebody_suspended_meanwhile_begins_nothing(with_okta):
    person = with_okta.arrived()
    form = person.page.form("Continue with Okta")
    answer = person._client.post(form.action.removeprefix("https://portal.test"), data=form.fields)
    with_okta.change(lambda user: holds.suspend(user, how="test"))
    person.open(answer.headers["Location"])
    assert person.page.heading == "This can’t be set up right now"
    assert with_okta.journeys() == []


@only_sqlite
def test_discovery_and_keys_are_fetched_once_for_many(with_okta, okta):
    for _ in range(3):
        signed_in(with_okta)
    assert okta.discovered == 1


@only_sqlite
def test_a_clock_that_is_set_back_makes_nothing_last_longer(clock, with_okta, okta):
    signed_in(with_okta)
    clock.advance(-86_400)
    signed_in(with_okta)
    assert okta.discovered == 2


@only_sqlite
def test_somebody_known_by_their_id_has_nobody_else_s_record_for_its_login(app, sandbox_server, okta):
    """Logins are reused: the record, and its names, may be of whoever had this one before."""
    connect(app, okta)
    invited = invite(app, sandbox_server, okta_id=None)
    invited.okta = okta
    with app.app_context():
        factories.user("former@acme.example", okta_id="00uknown")
        db.session.commit()
    okta.okta_id, okta.login = "00uknown", invited.login
    assert signed_in(invited).page.heading == "You signed in as somebody else"
    assert (refused(invited), invited.journeys()) == (["wrong_person"], [])


def test_nobody_waits_for_a_connection_that_waits_for_okta(app, with_okta, okta):
    held = []
    with app.app_context():
        pool = db.engine.pool
    okta.on_call = lambda: held.append(pool.checkedout())
    assert signed_in(with_okta).page.heading == "Set up your face check"
    assert held == [0, 0, 0, 0], "discovery, the person, a code, the keys"


@only_sqlite
def test_of_too_many_sign_ins_at_once_the_oldest_is_given_up(app, clock):
    """Whatever their states are called: a cookie keeps them sorted by those."""
    kept = {}
    for state in ("f", "b", "e", "a", "d", "c"):
        with app.test_request_context():
            session.update(kept)
            okta_sign_in._keep(state, {"about": "x"})
            kept = json.loads(json.dumps(dict(session), sort_keys=True))
        clock.advance(1)
    with app.test_request_context():
        session.update(kept)
        assert [okta_sign_in._take(state) is not None for state in "fbeadc"] == [False] * 2 + [True] * 4
