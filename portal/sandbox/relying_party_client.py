"""The demo relying party's OpenID Connect client: Authlib's own OAuth client, and joserfc for the tokens.

It knows of the portal what the discovery document says, and believes nothing that it has not checked. This is
the one place of the sandbox that speaks Authlib, and it is the client's side of it.
"""

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

import urllib3
from authlib.common.errors import AuthlibBaseError
from authlib.oauth2.client import OAuth2Client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OctKey

from portal import clock, credentials
from portal.sandbox.relying_party_hops import Document, Hop, from_browser, pairs, taken_apart
from portal.sandbox.relying_party_settings import DemoClient

SCOPE = "openid profile email"
_POOL = urllib3.PoolManager(timeout=urllib3.Timeout(connect=3, read=20), retries=False)
_LEEWAY = 60
#: The hash that belongs to the signature (OpenID Connect Core 3.1.3.6); Ed25519 signs with SHA-512.
_HASHES = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512, "EdDSA": hashlib.sha512}

Claims = dict[str, Any]


class SignInFailed(Exception):
    """The sign-in ends here: the provider's ``error`` code, or ours, and a sentence that says why."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code, self.sentence = code, sentence


@dataclass(slots=True)
class SignIn:
    """One sign-in from its request to its end, and every hop that was seen of it."""

    id: str
    client: DemoClient
    login: str | None
    browser: str = field(repr=False)
    signed: bool = True
    response_mode: str = "query"
    state: str = field(default_factory=lambda: credentials.random_token(""))
    nonce: str = field(default_factory=lambda: credentials.random_token(""))
    code_verifier: str = field(default_factory=lambda: credentials.random_token("", 384), repr=False)
    metadata: Claims = field(default_factory=dict, repr=False)
    hops: list[Hop] = field(default_factory=list, repr=False)
    checks: list[tuple[str, str]] = field(default_factory=list, repr=False)
    claims: Claims | None = None
    userinfo: Claims | None = None
    failure: SignInFailed | None = None

    @property
    def over(self) -> bool:
        """Whether the answer was taken, whatever it was."""
        return self.claims is not None or self.failure is not None

    def passed(self, what: str, detail: str) -> None:
        """Note a check that held."""
        self.checks.append((what, detail))


def begin(signin: SignIn, issuer: str, redirect_uri: str) -> str:
    """Return the address to send the browser to; raises :class:`SignInFailed`."""
    http = _Http(signin)
    signin.metadata = http.document(
        f"{issuer}/.well-known/openid-configuration", "Discovery", "Where the portal is, and what it can do."
    )
    if signin.metadata.get("issuer") != issuer:
        raise SignInFailed("wrong_issuer", "The discovery document speaks for another issuer.")
    more = {"login_hint": signin.login} if signin.login else {}
    if signin.response_mode != "query":
        more["response_mode"] = signin.response_mode
    endpoint = signin.metadata["authorization_endpoint"]
    url, _ = _oauth(signin, http, redirect_uri).create_authorization_url(
        endpoint, state=signin.state, nonce=signin.nonce, code_verifier=signin.code_verifier, **more
    )
    documents: tuple[Document, ...] = ()
    if signin.signed:
        url, documents = _signed(signin, issuer, url)
    signin.hops.append(
        from_browser(
            "Off to the portal",
            "The browser is sent with the request."
            + (" What matters in it is signed." if signin.signed else " Nothing in it is signed."),
            "GET",
            endpoint,
            sent=pairs(parse_qsl(url.partition("?")[2])),
            documents=documents,
        )
    )
    return str(url)


def complete(signin: SignIn, issuer: str, redirect_uri: str, method: str, answer: dict[str, str]) -> None:
    """Take the answer that the browser brought, down to the claims; raises :class:`SignInFailed`.

    Whoever calls has found the sign-in by its ``state`` and has compared the browser.
    """
    signin.hops.append(
        from_browser(
            "Back with an answer",
            "What happened in between (the portal, the camera page) is not seen from here.",
            method,
            redirect_uri,
            sent=pairs(answer),
        )
    )
    signin.passed("The answer belongs to this request and this browser", f"state {signin.state[:8]}…")
    if answer.get("iss") != issuer:
        raise SignInFailed(
            "wrong_issuer", "The answer does not say that it comes from the portal (RFC 9207)."
        )
    signin.passed("It comes from the portal", f"iss {issuer} (RFC 9207)")
    if "error" in answer:
        raise SignInFailed(answer["error"], answer.get("error_description", ""))
    if not answer.get("code"):
        raise SignInFailed("invalid_response", "The answer carries neither a code nor an error.")
    http = _Http(signin)
    tokens = _redeem(signin, http, redirect_uri, answer["code"])
    claims = _verified(signin, http, issuer, tokens)
    signin.userinfo = _userinfo(signin, http, claims, tokens["access_token"])
    signin.claims = claims
    if signin.login and claims.get("preferred_username") == signin.login:
        signin.passed("The person is the one who was asked for", f"preferred_username {signin.login}")


def _oauth(signin: SignIn, http: "_Http", redirect_uri: str) -> OAuth2Client:
    return OAuth2Client(
        http,
        client_id=signin.client.client_id,
        client_secret=signin.client.client_secret,
        token_endpoint_auth_method="client_secret_post",  # noqa: S106 - a method's name
        scope=SCOPE,
        redirect_uri=redirect_uri,
        code_challenge_method="S256",
    )


def _signed(signin: SignIn, issuer: str, url: str) -> tuple[str, tuple[Document, ...]]:
    """Move the parameters into a request object under the client's secret, as Okta does (RFC 9101)."""
    endpoint, _, query = url.partition("?")
    parameters = dict(parse_qsl(query, keep_blank_values=True))
    now = clock.epoch()
    claims = {"iss": signin.client.client_id, "aud": issuer, "iat": now, "exp": now + 300, **parameters}
    key = OctKey.import_key(signin.client.client_secret)
    request = jwt.encode({"alg": "HS256", "typ": "oauth-authz-req+jwt"}, claims, key, algorithms=["HS256"])
    outside = {name: parameters[name] for name in ("client_id", "response_type", "scope")}
    return (
        f"{endpoint}?{urlencode({**outside, 'request': request})}",
        (taken_apart("The signed request object", request),),
    )


def _redeem(signin: SignIn, http: "_Http", redirect_uri: str, code: str) -> Claims:
    http.about(
        "The code is redeemed", "With the client's secret and the PKCE verifier, from server to server."
    )
    try:
        tokens = dict(
            _oauth(signin, http, redirect_uri).fetch_token(
                signin.metadata["token_endpoint"],
                grant_type="authorization_code",
                code=code,
                code_verifier=signin.code_verifier,
            )
        )
    except (AuthlibBaseError, ValueError) as error:
        code_ = getattr(error, "error", None) or "invalid_response"
        raise SignInFailed(str(code_), "The portal did not exchange the code for tokens.") from error
    if not isinstance(tokens.get("id_token"), str) or not isinstance(tokens.get("access_token"), str):
        raise SignInFailed("invalid_response", "The token answer lacks the ID token or the access token.")
    signin.passed("The code was good, once, for this client", "client_secret_post and PKCE S256")
    return tokens


def _verified(signin: SignIn, http: "_Http", issuer: str, tokens: Claims) -> Claims:
    """Verify the ID token as OpenID Connect Core 3.1.3.7 says and return its claims."""
    keys: Any = http.document(
        signin.metadata["jwks_uri"],
        "The portal’s public keys",
        "What the ID token’s signature is checked with.",
    )
    supported = signin.metadata.get("id_token_signing_alg_values_supported", [])
    algorithms = [alg for alg in supported if alg != "none" and not alg.startswith("HS")]
    try:
        token = jwt.decode(tokens["id_token"], KeySet.import_key_set(keys), algorithms=algorithms)
        jwt.JWTClaimsRegistry(
            now=clock.epoch(),
            leeway=_LEEWAY,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": signin.client.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": signin.nonce},
        ).validate(token.claims)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise SignInFailed("invalid_id_token", f"The ID token is not good: {error}.") from error
    header, claims = token.header, dict(token.claims)
    if claims.get("at_hash") != _at_hash(header["alg"], tokens["access_token"]):
        raise SignInFailed("invalid_id_token", "The access token is not the one that the ID token names.")
    signin.passed("The ID token’s signature holds", f"{header['alg']}, key {header.get('kid', '')[:12]}…")
    signin.passed("It is from the portal, for this client, and still good", "iss, aud, exp")
    signin.passed("It answers this very request", f"nonce {signin.nonce[:8]}…")
    signin.passed("The access token belongs to it", f"at_hash {claims['at_hash'][:8]}…")
    return claims


def _at_hash(alg: str, access_token: str) -> str:
    digest = _HASHES[alg if alg in _HASHES else alg[-3:]](access_token.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def _userinfo(signin: SignIn, http: "_Http", claims: Claims, access_token: str) -> Claims:
    userinfo = http.document(
        signin.metadata["userinfo_endpoint"],
        "Userinfo",
        "The same claims once more, for the access token.",
        headers={"Authorization": f"Bearer {access_token}"},
    )
    if userinfo.get("sub") != claims["sub"]:
        raise SignInFailed("invalid_response", "Userinfo speaks of somebody else than the ID token.")
    signin.passed("Userinfo speaks of the same person", f"sub {claims['sub']}")
    return userinfo


class _Answer:
    """An HTTP answer with what Authlib reads of it."""

    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status_code, self.headers, self.text = status, headers, body.decode("utf-8", "replace")

    def json(self) -> Any:
        return json.loads(self.text)

    def raise_for_status(self) -> None:
        if self.status_code >= 400:
            raise SignInFailed("server_error", f"The portal answered with status {self.status_code}.")


class _Http:
    """The HTTP session that Authlib's client speaks through; it notes every hop in the sign-in."""

    def __init__(self, signin: SignIn) -> None:
        self._signin = signin
        self._title, self._meaning = "", ""

    def about(self, title: str, meaning: str) -> None:
        """Say what the next request is about."""
        self._title, self._meaning = title, meaning

    def document(self, url: str, title: str, meaning: str, headers: dict[str, str] | None = None) -> Claims:
        """Fetch a JSON object; raises :class:`SignInFailed` for anything else."""
        self.about(title, meaning)
        answer = self._send("GET", url, headers or {}, "")
        answer.raise_for_status()
        try:
            document = answer.json()
        except ValueError:
            document = None
        if answer.status_code != 200 or not isinstance(document, dict):
            raise SignInFailed("invalid_response", f"{url} did not answer with a JSON object.")
        return document

    def post(self, url: str, *, data: Any, headers: dict[str, str], auth: Any) -> _Answer:
        """Send what Authlib has prepared, authenticated in the way that it was set to."""
        url, headers, body = auth.prepare("POST", url, dict(headers), urlencode(data))
        return self._send("POST", url, headers, body)

    def _send(self, method: str, url: str, headers: dict[str, str], body: str) -> _Answer:
        at, before = clock.now(), clock.monotonic()
        try:
            reply = _POOL.request(method, url, headers=headers, body=body or None, redirect=False)
        except urllib3.exceptions.HTTPError as error:
            raise SignInFailed("no_answer", f"The portal does not answer at {url}.") from error
        answer = _Answer(reply.status, reply.headers, reply.data)
        self._signin.hops.append(
            Hop(
                self._title,
                self._meaning,
                "server",
                method,
                url,
                at,
                sent=pairs(parse_qsl(body))
                + pairs((n, v) for n, v in headers.items() if n == "Authorization"),
                status=answer.status_code,
                milliseconds=round((clock.monotonic() - before) * 1000),
                answered=_summary(answer),
                documents=_tokens_in(answer),
            )
        )
        return answer


def _summary(answer: _Answer) -> tuple[tuple[str, str], ...]:
    try:
        document = answer.json()
    except ValueError:
        return ()
    return pairs(document) if isinstance(document, dict) else ()


def _tokens_in(answer: _Answer) -> tuple[Document, ...]:
    try:
        token = answer.json().get("id_token")
    except (ValueError, AttributeError):
        return ()
    return (taken_apart("The ID token", token),) if isinstance(token, str) else ()
