"""An Okta at which people sign in, on a real port: honest unless a test makes it lie."""

import base64
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

from flask import Flask, jsonify, redirect, request
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from portal import clock, credentials
from tests.support import web_server

CLIENT_ID = "0oa1signin"
CLIENT_SECRET = "the-sign-in-client-s-secret"
_KEY = RSAKey.generate_key(2048, parameters={"kid": "okta-key-1", "use": "sig", "alg": "RS256"})
_OTHER_KEY = RSAKey.generate_key(2048, parameters={"kid": "okta-key-1", "use": "sig", "alg": "RS256"})

Claims = dict[str, Any]


class OktaIdentity:
    """One organisation: who is signed in there, and how it lies."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.okta_id, self.login = "00unobody", "nobody@acme.example"
        #: Every authorization request and every token request, as it came.
        self.asked: list[Claims] = []
        self.redeemed: list[Claims] = []
        #: What it answers instead: an error at the authorization endpoint; the status of every answer.
        self.error: str | None = None
        #: The issuer that its answers name (RFC 9207), if they name one.
        self.answers_as: str | None = None
        self.status = 200
        self.discovered = 0
        #: Called at each request, before it is answered.
        self.on_call: Callable[[], object] = lambda: None
        #: Changes the claims; may return them changed.
        self.lie: Callable[[Claims], Claims] = lambda claims: claims
        self.signs_with_another_key = False
        self.discovery: Claims = {}
        #: What it publishes as its keys.
        self.keys: Any = KeySet([_KEY]).as_dict(private=False)
        self._codes: dict[str, Claims] = {}
        self.app = self._application()

    def _application(self) -> Flask:
        app = Flask("okta-identity")
        app.add_url_rule("/.well-known/openid-configuration", "discovery", self._discovery)
        app.add_url_rule("/oauth2/v1/authorize", "authorize", self._authorize)
        app.add_url_rule("/oauth2/v1/token", "token", self._token, methods=["POST"])
        app.add_url_rule("/oauth2/v1/keys", "keys", lambda: jsonify(self.keys))
        app.before_request(self._away)
        return app

    def _away(self) -> tuple[Claims, int] | None:
        self.on_call()
        return None if self.status == 200 else ({"errorCode": "E0000009"}, self.status)

    def _discovery(self) -> Claims:
        self.discovered += 1
        return {
            "issuer": self.origin,
            "authorization_endpoint": f"{self.origin}/oauth2/v1/authorize",
            "token_endpoint": f"{self.origin}/oauth2/v1/token",
            "jwks_uri": f"{self.origin}/oauth2/v1/keys",
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        } | self.discovery

    def _authorize(self) -> Any:
        asked = dict(request.args)
        self.asked.append(asked)
        if self.error is not None:
            answer = {"error": self.error, "state": asked["state"]}
        else:
            code = credentials.random_token("")
            self._codes[code] = asked
            answer = {"code": code, "state": asked["state"]}
        if self.answers_as is not None:
            answer["iss"] = self.answers_as
        return redirect(f"{asked['redirect_uri']}?{urlencode(answer)}", 302)

    def _token(self) -> Any:
        form = dict(request.form)
        self.redeemed.append(form)
        wanted = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {wanted}":
            return {"error": "invalid_client"}, 401
        asked = self._codes.pop(form.get("code", ""), None)
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).rstrip(b"=").decode()
        if asked is None or challenge != asked["code_challenge"] or asked["code_challenge_method"] != "S256":
            return {"error": "invalid_grant"}, 400
        if form["redirect_uri"] != asked["redirect_uri"]:
            return {"error": "invalid_grant"}, 400
        return {
            "token_type": "Bearer",
            "expires_in": 3600,
            "access_token": "an-opaque-access-token",
            "id_token": self._id_token(asked),
        }

    def _id_token(self, asked: Claims) -> str:
        now = clock.epoch()
        claims = self.lie(
            {
                "iss": self.origin,
                "aud": CLIENT_ID,
                "sub": self.okta_id,
                "preferred_username": self.login,
                "nonce": asked["nonce"],
                "iat": now,
                "exp": now + 3600,
            }
        )
        key = _OTHER_KEY if self.signs_with_another_key else _KEY
        return jwt.encode({"alg": "RS256", "kid": "okta-key-1"}, claims, key)


@contextmanager
def running() -> Iterator[OktaIdentity]:
    """Run one until the block ends."""
    with web_server.listening() as (listener, origin):
        okta = OktaIdentity(origin)
        with web_server.serving(okta.app, listener):
            yield okta
