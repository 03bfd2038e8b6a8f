"""Signed request objects (RFC 9101, OpenID Connect Core 6.1)."""

import base64
import hmac
import json
import time
from collections.abc import Callable, Iterator
from threading import Event, Thread
from typing import Any

import pytest
from flask import Flask
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from portal.extensions import db
from portal.models import Client
from portal.oidc import client_keys, registration
from tests.oidc.test_authorization_errors import AUTHORIZE, error_at_client
from tests.support import web_server
from tests.support.at_once import at_once
from tests.support.moving_clock import MovingClock
from tests.support.sandbox_server import SandboxServer
from tests.support.scenes import Scene

HMAC = ("HS256", "HS384", "HS512")
PUBLIC = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")

RSA = RSAKey.generate_key(2048, {"kid": "rsa"}, private=True)
KEYS: dict[str, Any] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), RSA),
    "ES256": ECKey.generate_key("P-256", {"kid": "p256"}, private=True),
    "ES384": ECKey.generate_key("P-384", {"kid": "p384"}, private=True),
    "ES512": ECKey.generate_key("P-521", {"kid": "p521"}, private=True),
    "EdDSA": OKPKey.generate_key("Ed25519", {"kid": "ed"}, private=True),
}
STRANGER = RSAKey.generate_key(2048, {"kid": "rsa"}, private=True)


def jwks(*keys: Any) -> dict[str, Any]:
    return {
        "keys": [key.as_dict(private=False) for key in keys or {id(k): k for k in KEYS.values()}.values()]
    }


@pytest.fixture
def scene(app: Flask, sandbox_server: SandboxServer) -> Scene:
    return Scene(app, sandbox_server, request_algs=[*HMAC, *PUBLIC], jwks=jwks())


def inside(scene: Scene, **changes: Any) -> dict[str, Any]:
    now = int(time.time())  # noqa: TID251 - the relying party's own clock
    claims = {
        "iss": scene.stage.client_id,
        "aud": "https://portal.test",
        "iat": now,
        "exp": now + 300,
        "client_id": scene.stage.client_id,
        "redirect_uri": scene.stage.redirect_uri,
        "response_type": "code",
        "scope": "openid",
        "state": "inside",
        "login_hint": scene.stage.login,
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not ...}


def sign(scene: Scene, alg: str, claims: dict[str, Any], *, key: Any = None, **header: Any) -> str:
    key = key or (OctKey.import_key(scene.stage.client_secret) if alg in HMAC else KEYS[alg])
    full = {"alg": alg} | ({"kid": key.kid} if alg not in HMAC and key.kid else {}) | header
    return jwt.encode({k: v for k, v in full.items() if v is not ...}, claims, key, algorithms=[alg])


def part(document: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def forged(alg: str, claims: dict[str, Any], secret: bytes) -> str:
    """Sign by hand what no library would: with any key, about anything."""
    body = f"{part({'alg': alg})}.{part(claims)}"
    digest = hmac.new(secret, body.encode(), f"sha{alg[2:]}").digest()
    return f"{body}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def send(scene: Scene, text: str, **outside: str) -> Any:
    query = {"client_id": scene.stage.client_id, "request": text, **outside}
    return scene.app.test_client().post(AUTHORIZE, data=query)


def accepted(answer: Any) -> bool:
    return bool(answer.headers.get("Location", "").startswith("/v1/openid/"))


def refused(scene: Scene, text: str, what: str = "") -> None:
    """Without an address outside nobody is proven, so the refusal is displayed; with it, redirected."""
    shown = send(scene, text)
    assert (shown.status_code, "Location" in shown.headers) == (400, False), what
    told = error_at_client(send(scene, text, redirect_uri=scene.stage.redirect_uri, state="outside"))
    assert (told["error"], told["state"]) == ("invalid_request_object", "outside"), what


def test_what_is_nested_without_end_is_refused_and_no_failure_of_ours(
    app: Flask, sandbox_server: SandboxServer
) -> None:
    scene = Scene(app, sandbox_server, request_algs=["HS256"])
    nested = base64.urlsafe_b64encode(b'{"x":' + b"[" * 5000 + b"]" * 5000 + b"}").rstrip(b"=").decode()
    body = f"{part({'alg': 'HS256'})}.{nested}"
    digest = hmac.new(scene.stage.client_secret.encode(), body.encode(), "sha256").digest()
    refused(scene, f"{body}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}")


@pytest.mark.parametrize("alg", [*HMAC, *PUBLIC])
def test_each_algorithm_that_is_registered_is_taken(scene: Scene, alg: str) -> None:
    assert accepted(send(scene, sign(scene, alg, inside(scene))))
    assert scene.journey().integrity_proven
    assert scene.journey().parameters["state"] == "inside"


@pytest.mark.parametrize("alg", [*HMAC, *PUBLIC])
def test_an_algorithm_that_is_not_registered_is_refused(
    app: Flask, sandbox_server: SandboxServer, alg: str
) -> None:
    others = [one for one in (*HMAC, *PUBLIC) if one != alg]
    scene = Scene(app, sandbox_server, request_algs=others, jwks=jwks())
    refused(scene, sign(scene, alg, inside(scene)))


def test_an_unsigned_object_is_refused(scene: Scene) -> None:
    for alg in ("none", "None", "NONE", "", None, ["HS256"], 1):
        body = f"{part({'alg': alg})}.{part(inside(scene))}"
        for text in (f"{body}.", body, f"{body}.x", f"{body}..", f"{body}.{part({})}"):
            refused(scene, text, f"alg {alg!r}")


def test_a_public_key_is_no_secret(scene: Scene) -> None:
    """Algorithm confusion: HS256 keyed with whatever form of the public RSA key."""
    forms = [
        RSA.as_pem(private=False), RSA.as_der(private=False), json.dumps(RSA.as_dict(private=False)).encode(),
        RSA.as_dict(private=False)["n"].encode(), b"", scene.stage.client_id.encode(), b"null",
    ]  # fmt: skip
    for form in forms:
        for alg in HMAC:
            refused(scene, forged(alg, inside(scene), form), repr(form[:20]))


def test_keys_in_the_object_s_own_header_are_not_looked_at(scene: Scene) -> None:
    public = STRANGER.as_dict(private=False)
    for header in ({"jwk": public}, {"jku": "https://evil.example/jwks"}, {"x5u": "https://evil.example/x"},
                   {"crit": ["b64"], "b64": True}, {"kid": "unknown"}, {"kid": "p256"}):  # fmt: skip
        try:
            text = sign(scene, "RS256", inside(scene), key=STRANGER, **header)
        except Exception:
            continue
        refused(scene, text, repr(header))
    refused(scene, sign(scene, "RS256", inside(scene), key=STRANGER))


def test_a_kid_may_be_missing_and_must_be_right_where_it_is_there(scene: Scene) -> None:
    assert accepted(send(scene, sign(scene, "RS256", inside(scene), kid=...)))
    assert accepted(send(scene, sign(scene, "ES256", inside(scene), kid=...)))
    refused(scene, sign(scene, "RS256", inside(scene), kid="unknown"))
    refused(scene, sign(scene, "RS256", inside(scene), kid="p256"))


def test_the_envelope_must_fit(scene: Scene) -> None:
    now = int(time.time())  # noqa: TID251 - the relying party's own clock
    wrong: list[dict[str, Any]] = [
        {"iss": "somebody-else"}, {"iss": 1}, {"client_id": "somebody-else"}, {"aud": "https://other.example"},
        {"aud": []}, {"aud": ["https://other.example"]}, {"aud": {"a": 1}}, {"aud": None}, {"aud": 1},
        {"exp": now - 300}, {"exp": 0}, {"exp": str(now + 300)}, {"exp": None}, {"exp": True}, {"exp": [now]},
        {"exp": float("nan")}, {"exp": float("inf")}, {"exp": 10**400}, {"exp": -1},
        {"nbf": now + 600}, {"nbf": "x"}, {"nbf": float("nan")}, {"iat": now + 600}, {"iat": {}},
    ]  # fmt: skip
    for changes in wrong:
        refused(scene, sign(scene, "HS256", inside(scene, **changes)), repr(changes))
    fine: list[dict[str, Any]] = [
        {"aud": ["https://other.example", "https://portal.test"]}, {"aud": "https://portal.test/v1/openid/authorize"},
        {"iss": ...}, {"aud": ...}, {"exp": ...}, {"iat": ...}, {"nbf": now - 5}, {"jti": "x"}, {"sub": "x"},
    ]  # fmt: skip
    for changes in fine:
        assert accepted(send(scene, sign(scene, "HS256", inside(scene, **changes)))), changes


def test_nothing_is_nested(scene: Scene) -> None:
    inner = sign(scene, "HS256", inside(scene))
    refused(scene, sign(scene, "HS256", inside(scene, request=inner)))
    refused(scene, sign(scene, "HS256", inside(scene, request_uri="https://client.example/r")))
    told = error_at_client(
        send(scene, inner, request_uri="https://client.example/r", redirect_uri=scene.stage.redirect_uri)
    )
    assert told["error"] == "request_uri_not_supported", "RFC 9101 section 5: one of the two, never both"


def test_what_cannot_be_a_parameter_is_refused(scene: Scene) -> None:
    for value in (True, None, [], ["x"], 1.5):
        refused(scene, sign(scene, "HS256", inside(scene, scope=value)), repr(value))
    many = {f"extra{number}": "x" for number in range(100)}
    refused(scene, sign(scene, "HS256", inside(scene, **many)))


@pytest.mark.parametrize("value", ["\ud800", "a\nb", "\x00", "s" * 4097, "\x1b[2J"])
@pytest.mark.parametrize("name", ["state", "nonce", "login_hint"])
def test_a_signature_does_not_make_a_value_readable(scene: Scene, name: str, value: str) -> None:
    text = forged("HS256", inside(scene, **{name: value}), scene.stage.client_secret.encode())
    told = error_at_client(send(scene, text))
    assert told["error"] == "invalid_request"
    assert told.get("state") == (None if name == "state" else "inside")


def test_claims_and_numbers_inside_are_json_and_not_text(scene: Scene) -> None:
    asked = {"id_token": {"email": {"essential": True}}}
    assert accepted(send(scene, sign(scene, "HS256", inside(scene, claims=asked, max_age=0))))
    assert scene.journey().parameters["claims"] == {"id_token": {"email": {"essential": True}}}


def test_what_is_inside_wins_and_who_is_asked_for_counts_only_inside(scene: Scene) -> None:
    text = sign(scene, "HS256", inside(scene, login_hint=...))
    outside = {
        "login_hint": scene.stage.login, "state": "outside", "redirect_uri": scene.stage.redirect_uri,
        "prompt": "none", "claims": "[]", "code_challenge_method": "plain", "scope": "email",
        "response_type": "token",
    }  # fmt: skip
    assert accepted(send(scene, text, **outside))
    journey = scene.journey()
    assert (journey.user_id, journey.account) == (None, None)
    assert (journey.parameters["state"], journey.parameters["scope"]) == ("inside", "openid")


def test_an_address_inside_wins_and_must_be_registered(app: Flask, sandbox_server: SandboxServer) -> None:
    uris = ["https://client.example/callback", "https://client.example/other"]
    scene = Scene(app, sandbox_server, request_algs=["HS256"], redirect_uris=uris)
    text = sign(scene, "HS256", inside(scene, redirect_uri=uris[1]))
    assert accepted(send(scene, text, redirect_uri=uris[0]))
    assert scene.journey().parameters["redirect_uri"] == uris[1]
    evil = sign(scene, "HS256", inside(scene, redirect_uri="https://evil.example"))
    for answer in (send(scene, evil), send(scene, evil, redirect_uri=uris[0])):
        assert (answer.status_code, "Location" in answer.headers) == (400, False)
    assert accepted(send(scene, sign(scene, "HS256", inside(scene, redirect_uri=...)), redirect_uri=uris[0]))
    shown = send(scene, sign(scene, "HS256", inside(scene, redirect_uri=...)))
    assert shown.status_code == 400


def test_one_changed_letter_is_noticed(scene: Scene) -> None:
    text = sign(scene, "HS256", inside(scene))
    for at in range(0, len(text), 7):
        letter = "A" if text[at] != "A" else "B"
        if at < len(text) - 2:
            refused(scene, text[:at] + letter + text[at + 1 :], str(at))
    for odd in (
        "",
        ".",
        "..",
        "...",
        "a.b",
        text + ".x",
        text + "=",
        " " + text[1:],
        text.upper(),
        "x" * 16_000,
    ):
        refused(scene, odd, odd[:20])


def test_a_rotated_secret_verifies_until_it_has_run_out(clock: MovingClock, scene: Scene) -> None:
    text = sign(scene, "HS256", inside(scene, exp=..., iat=...))
    with scene.app.app_context():
        client = db.session.get_one(Client, scene.stage.client_id)
        registration.rotate_secret(client, overlap_seconds=600, secret="another-secret-" + "0123456789" * 5)
        db.session.commit()
    assert accepted(send(scene, text))
    clock.advance(601)
    refused(scene, text)


# -- keys at an address -----------------------------------------------------------------------------------


class KeyHost:
    """A relying party's key address on a loopback port, and how often it was asked."""

    def __init__(self) -> None:
        self.document: Any = jwks()
        self.status = "200 OK"
        self.asked = 0
        self.on_call: Callable[[], Any] = lambda: None
        self.uri = ""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.asked += 1
        self.on_call()
        start_response(self.status, [("Content-Type", "application/json")])
        return [self.document if isinstance(self.document, bytes) else json.dumps(self.document).encode()]


@pytest.fixture
def key_host() -> Iterator[KeyHost]:
    host = KeyHost()
    with web_server.listening() as (listener, origin), web_server.serving(host, listener):
        host.uri = f"{origin}/jwks.json"
        yield host


def test_keys_at_an_address_are_fetched_kept_and_fetched_again(
    app: Flask, sandbox_server: SandboxServer, clock: MovingClock, key_host: KeyHost
) -> None:
    scene = Scene(app, sandbox_server, request_algs=["RS256", "ES256"], jwks_uri=key_host.uri)

    def by(key: Any, alg: str = "RS256") -> str:
        return sign(scene, alg, inside(scene, exp=..., iat=...), key=key)

    for _ in range(3):
        assert accepted(send(scene, by(RSA)))
    assert key_host.asked == 1

    newer = RSAKey.generate_key(2048, {"kid": "newer"}, private=True)
    key_host.document = jwks(RSA, newer)
    clock.advance(31)
    assert accepted(send(scene, by(newer))), "an unknown kid is reason enough to look again"
    assert key_host.asked == 2
    for _ in range(5):
        send(scene, sign(scene, "RS256", inside(scene), key=STRANGER, kid="unheard-of"))
    assert key_host.asked == 2, "but not for everybody who makes one up"

    key_host.document = jwks(newer)
    assert accepted(send(scene, by(RSA))), "kept for some minutes"
    clock.advance(301)
    refused(scene, by(RSA), "withdrawn keys are forgotten")
    assert accepted(send(scene, by(newer)))

    newest = RSAKey.generate_key(2048, {"kid": "newest"}, private=True)
    key_host.document = jwks(newest)
    clock.advance(-86_400)
    assert accepted(send(scene, by(newest))), "a clock that is set back keeps nobody out"
    refused(scene, by(newer), "nor a withdrawn key in use")


def test_an_address_that_fails_is_left_alone_for_a_moment_and_keeps_nobody_waiting(
    app: Flask, sandbox_server: SandboxServer, clock: MovingClock, key_host: KeyHost
) -> None:
    """Whoever calls it waits in a thread that everybody's sign-ins need."""
    scene = Scene(app, sandbox_server, request_algs=["RS256"], jwks_uri=key_host.uri)
    text = sign(scene, "RS256", inside(scene, exp=..., iat=...))
    key_host.status = "500 Internal Server Error"
    at_once(6, lambda _: refused(scene, text))
    assert key_host.asked == 1
    key_host.status = "200 OK"
    clock.advance(9)
    refused(scene, text)
    clock.advance(2)
    assert accepted(send(scene, text))
    clock.advance(-86_400)
    assert accepted(send(scene, text))

    key_host.status = "500 Internal Server Error"
    clock.advance(31)
    send(scene, sign(scene, "RS256", inside(scene), key=STRANGER, kid="unheard-of"))
    assert accepted(send(scene, text)), "keys that are good stay so, whatever a stranger makes up"


def test_nobody_waits_long_for_an_address_that_does_not_answer(
    app: Flask, sandbox_server: SandboxServer, key_host: KeyHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_keys, "_PATIENCE_SECONDS", 0.05)
    scene = Scene(app, sandbox_server, request_algs=["RS256"], jwks_uri=key_host.uri)
    text = sign(scene, "RS256", inside(scene, exp=..., iat=...))
    with app.app_context():
        pool: Any = db.engine.pool
    held: list[int] = []
    asked, answers = Event(), Event()
    key_host.on_call = lambda: (held.append(pool.checkedout()), asked.set(), answers.wait(20))
    first = Thread(target=send, args=(scene, text))
    first.start()
    try:
        assert asked.wait(10)
        refused(scene, text, "while the first still waits")
        assert first.is_alive()
    finally:
        answers.set()
        first.join(20)
    assert accepted(send(scene, text))
    assert held == [0], "and whoever asks holds no connection to the database"


def test_an_address_without_usable_keys_is_a_refusal_and_no_failure(
    app: Flask, sandbox_server: SandboxServer, clock: MovingClock, key_host: KeyHost
) -> None:
    scene = Scene(app, sandbox_server, request_algs=["RS256"], jwks_uri=key_host.uri)
    text = sign(scene, "RS256", inside(scene, exp=..., iat=...))
    secret = OctKey.import_key(b"published-secret" * 4).as_dict(private=True)
    bad: list[Any] = [
        b"", b"{", b"[]", b"null", b"[" * 100_000, b"\xff", {"keys": None}, {"keys": {}}, {"keys": []},
        {"keys": [1, None, "x"]}, {"keys": [secret]}, {"keys": [{"kty": "RSA"}]},
        {"keys": [{"kty": "EC", "crv": "x"}]},
    ]  # fmt: skip
    for document in bad:
        key_host.document = document
        clock.advance(400)
        refused(scene, text, repr(document)[:60])
    key_host.document, key_host.status = jwks(), "500 Internal Server Error"
    clock.advance(400)
    refused(scene, text)
    key_host.status = "302 Found"
    clock.advance(400)
    refused(scene, text)
    key_host.status = "200 OK"
    clock.advance(400)
    assert accepted(send(scene, text))


@pytest.mark.parametrize(
    "uri",
    ["https://10.0.0.1/jwks", "https://169.254.169.254/latest/meta-data", "https://[::ffff:10.0.0.1]/jwks",
     "https://192.168.1.1:8443/jwks", "https://0.0.0.0/jwks", "https://100.64.0.1/jwks"],
)  # fmt: skip
def test_an_address_inside_the_network_is_never_called(
    app: Flask, sandbox_server: SandboxServer, uri: str
) -> None:
    """The closed network of the tests would fail a call; the guard must come first."""
    scene = Scene(app, sandbox_server, request_algs=["RS256"], jwks_uri=uri)
    refused(scene, sign(scene, "RS256", inside(scene)))
