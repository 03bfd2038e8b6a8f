"""A real relying party: Authlib's own OAuth client over the portal's test client, and joserfc for its tokens.

Nothing of the portal is imported: what is not said in the discovery document is not known here.
"""

import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.client import OAuth2Client
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey

from tests.support.person import Arrival

Claims = dict[str, Any]


class _Answer:
    """What Authlib reads of an HTTP answer."""

    def __init__(self, response: Any) -> None:
        self.status_code, self.headers, self.text = response.status_code, response.headers, response.text
        response.close()

    def json(self) -> Any:
        return json.loads(self.text)

    def raise_for_status(self) -> None:
        raise AssertionError(f"the portal answered {self.status_code}: {self.text}")


class _Session:
    """The HTTP session that Authlib's client expects, over the portal's test client."""

    def __init__(self, client: FlaskClient, issuer: str) -> None:
        self._client, self._issuer = client, issuer

    def post(
        self, url: str, *, data: dict[str, str], headers: dict[str, str], auth: ClientAuth | None
    ) -> _Answer:
        body, headers = urlencode(data), dict(headers or {})
        if auth is not None:
            url, headers, body = auth.prepare("POST", url, headers, body)
        return self.request("POST", url, data=body, headers=headers)

    def request(self, method: str, url: str, **options: Any) -> _Answer:
        assert url.startswith(self._issuer), f"the discovery document points elsewhere: {url}"
        return _Answer(self._client.open(url.removeprefix(self._issuer), method=method, **options))


@dataclass(frozen=True)
class Authorization:
    """A request that was sent off, and what the relying party remembers of it."""

    url: str
    state: str
    nonce: str
    code_verifier: str | None


@dataclass(frozen=True)
class Tokens:
    """What a code was exchanged for; ``claims`` are the ID token's, verified."""

    answer: dict[str, Any]
    header: dict[str, Any]
    claims: Claims
    access_token: str = field(repr=False)
    id_token: str = field(repr=False)


class RelyingParty:
    """One relying party, registered at the portal.

    ``client`` carries its back-channel requests: give it a test client of its own, without the person's
    cookies. ``private_key`` (a joserfc key) signs client assertions and asymmetric request objects.
    """

    def __init__(
        self,
        client: FlaskClient,
        *,
        client_id: str,
        client_secret: str | None,
        redirect_uri: str,
        auth_method: str = "client_secret_post",
        scope: str = "openid profile email",
        private_key: Any = None,
        issuer: str | None = None,
    ) -> None:
        self.client_id, self.client_secret, self.redirect_uri = client_id, client_secret, redirect_uri
        self.issuer = issuer or client.application.extensions["portal.settings"].issuer
        self.private_key = private_key
        self._session = _Session(client, self.issuer)
        self.metadata = self._get("/.well-known/openid-configuration")
        self._oauth = OAuth2Client(
            self._session,
            client_id=client_id,
            # For private_key_jwt, Authlib looks for the private key in the place of the secret.
            client_secret=private_key if auth_method == "private_key_jwt" else client_secret,
            token_endpoint_auth_method=auth_method,
            revocation_endpoint_auth_method=auth_method,
            scope=scope,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
        )
        if auth_method == "private_key_jwt":
            alg = "ES256" if private_key.key_type == "EC" else "RS256"
            self._oauth.register_client_auth_method(PrivateKeyJWT(self.metadata["token_endpoint"], alg=alg))

    def authorization(
        self,
        *,
        pkce: bool = True,
        signed_with: str | None = None,
        outside: tuple[str, ...] = ("client_id", "response_type", "scope"),
        request_claims: Claims | None = None,
        **parameters: str,
    ) -> Authorization:
        """Return a request to the authorization endpoint, with ``login_hint`` and others as ``parameters``.

        With ``signed_with`` (``HS256``, ``RS256`` …) the parameters travel in a request object, and only
        those named by ``outside`` in the query as well; ``request_claims`` change the object's own claims.
        """
        verifier = secrets.token_urlsafe(48) if pkce else None
        nonce = parameters.pop("nonce", None) or secrets.token_urlsafe(16)
        url, state = self._oauth.create_authorization_url(
            self.metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce, **parameters
        )
        if signed_with:
            endpoint, _, query = url.partition("?")
            inside = dict(parse_qsl(query, keep_blank_values=True))
            request = self.request_object(signed_with, inside | (request_claims or {}))
            left = {name: value for name, value in inside.items() if name in outside}
            url = f"{endpoint}?{urlencode({**left, 'request': request})}"
        return Authorization(url, state, nonce, verifier)

    def request_object(self, alg: str, parameters: Claims) -> str:
        """Return ``parameters`` as a signed request object (RFC 9101), addressed to the portal."""
        now = int(time.time())  # noqa: TID251 - the relying party's own clock
        claims = {"iss": self.client_id, "aud": self.issuer, "iat": now, "exp": now + 300, **parameters}
        key = OctKey.import_key(self.client_secret) if alg.startswith("HS") else self.private_key
        header = {"alg": alg} | ({"kid": key.kid} if key.kid else {})
        return jwt.encode(header, claims, key, algorithms=[alg])

    def redeem(self, arrival: Arrival, authorization: Authorization) -> Tokens:
        """Check what came back from ``authorization``, redeem the code and verify the ID token."""
        assert "error" not in arrival.parameters, f"the portal answered {arrival.parameters}"
        assert arrival.parameters["state"] == authorization.state
        assert arrival.parameters["iss"] == self.issuer, "RFC 9207: iss names another issuer"
        answer = self.redeem_code(arrival.parameters["code"], authorization.code_verifier)
        header, claims = self.verify_id_token(answer["id_token"], nonce=authorization.nonce)
        return Tokens(answer, header, claims, answer["access_token"], answer["id_token"])

    def redeem_code(self, code: str, code_verifier: str | None = None, **changes: str) -> dict[str, Any]:
        """Send the code to the token endpoint; raises Authlib's ``OAuth2Error`` for an error answer."""
        values = {"code_verifier": code_verifier} if code_verifier else {}
        return dict(
            self._oauth.fetch_token(
                self.metadata["token_endpoint"],
                grant_type="authorization_code",
                code=code,
                **values | changes,
            )
        )

    def verify_id_token(self, id_token: str, *, nonce: str) -> tuple[dict[str, Any], Claims]:
        """Verify an ID token as OpenID Connect Core 3.1.3.7 says; return its header and claims."""
        keys = KeySet.import_key_set(self._get(self.metadata["jwks_uri"]))
        algorithms = self.metadata["id_token_signing_alg_values_supported"]
        token = jwt.decode(id_token, keys, algorithms=algorithms)
        jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        ).validate(token.claims)
        return token.header, token.claims

    def userinfo(self, access_token: str) -> _Answer:
        """Ask the userinfo endpoint."""
        headers = {"Authorization": f"Bearer {access_token}"}
        return self._session.request("GET", self.metadata["userinfo_endpoint"], headers=headers)

    def revoke(self, token: str) -> _Answer:
        """Revoke a token (RFC 7009)."""
        answer: _Answer = self._oauth.revoke_token(self.metadata["revocation_endpoint"], token=token)
        return answer

    def _get(self, url: str) -> dict[str, Any]:
        answer = self._session.request("GET", self.issuer + url.removeprefix(self.issuer))
        assert answer.status_code == 200, f"{url} answered {answer.status_code}: {answer.text}"
        found: dict[str, Any] = answer.json()
        return found
