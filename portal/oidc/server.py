"""All of Authlib's server side: client authentication, the code grant and revocation, on our records.

Three of Authlib's habits are changed here, each for a measured reason: PKCE accepts ``plain`` unless
the method is fixed; a code is consumed after the token is saved, so two simultaneous redemptions both
succeed; and keys are imported for every token. Here a code is spent by one UPDATE before anything is
minted, the method is S256, and the signer holds its key.
"""

import base64
import hashlib
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import InvalidClientError, OAuth2Request
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from authlib.oauth2.rfc7636 import CodeChallenge, create_s256_code_challenge
from authlib.oauth2.rfc7636.challenge import CODE_VERIFIER_PATTERN
from flask import Flask, current_app, request
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry

from portal import clock
from portal.audit.events import Event
from portal.audit.log import record
from portal.extensions import db, settings
from portal.grants import assertions, codes
from portal.grants.codes import Grant
from portal.journey import lifecycle
from portal.oidc import clients, redemption
from portal.oidc.client_keys import KeysUnavailable, public_keys
from portal.oidc.clients import AUTH_METHODS, ClientView
from portal.oidc.parameters import Parameters
from portal.oidc.profiles import ASYMMETRIC_ALGS
from portal.oidc.redemption import Redeemed
from portal.oidc.request import audiences
from portal.signing_keys import keyring
from portal.users import enrolments
from portal.web import errors

_EXTENSION = "portal.oidc.server"
_LONGEST_JTI = 256
#: The longest an assertion may live: its ``jti`` is remembered for as long.
_LONGEST_ASSERTION_SECONDS = 3600


class _Person(NamedTuple):
    """What Authlib wants of a user: something that is true."""

    id: str | None


class AsReceived(OAuth2Request):
    """A request as Authlib sees it: the parameters that were read and found acceptable, and no others.

    Authlib's own would read the body a second time, and would take a parameter from the query as well.
    """

    def __init__(self, received: Parameters) -> None:
        # Authlib refuses plain http but on loopback, by scheme and host; it needs no more of the address.
        super().__init__(request.method, f"{request.scheme}://{request.host}/", headers=request.headers)
        self._received = received.values
        self.payload = BasicOAuth2Payload(self._received)

    @property
    def form(self) -> dict[str, str]:
        """The parameters of the body."""
        return self._received


class PortalServer(AuthorizationServer):
    """Authlib's server on the portal's clients and grants."""

    def __init__(self, app: Flask) -> None:
        super().__init__(app, query_client=clients.find, save_token=_token_is_saved_with_its_code)
        self.register_client_auth_method("client_secret_basic", _by_basic)
        self.register_client_auth_method("client_secret_post", _by_post)
        self.register_client_auth_method("private_key_jwt", _ClientAssertion())
        self.register_grant(_CodeGrant, [_S256Challenge(required=False), _sign_id_token])
        self.register_endpoint(_Revocation)

    def create_oauth2_request(self, request: Parameters) -> OAuth2Request:
        """Return Authlib's view of the parameters that an endpoint has read."""
        return AsReceived(request)

    def authenticate_client(
        self, request: OAuth2Request, methods: list[str], endpoint: str = "token"
    ) -> ClientView:
        """Return the client; one answer (401) for an unknown client, a wrong secret and a wrong method."""
        try:
            client: ClientView = super().authenticate_client(request, methods, endpoint)
            if request.form.get("client_id") not in (None, "", client.id):
                raise InvalidClientError  # whoever authenticates in one place speaks for itself in the other
        except InvalidClientError:
            raise InvalidClientError(status_code=401, description="Client authentication failed.") from None
        return client


def init_app(app: Flask) -> None:
    """Build the server for ``app``; there is no module-global one."""
    app.extensions[_EXTENSION] = PortalServer(app)


def current() -> PortalServer:
    """Return the current application's server."""
    server: PortalServer = current_app.extensions[_EXTENSION]
    return server


def _token_is_saved_with_its_code(_token: dict[str, Any], _request: OAuth2Request) -> None:
    """Nothing to do: the UPDATE that spent the code wrote the token's digest."""


def _by_basic(_query: Any, request: OAuth2Request) -> ClientView | None:
    """HTTP Basic, with both halves form-encoded first (RFC 6749 section 2.3.1)."""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
    except ValueError:
        return None
    client_id, _, secret = text.partition(":")
    # Some clients do not encode: what has a plus or a percent sign is tried as it stands, too.
    decoded = unquote_plus(client_id)
    known = decoded == client_id or clients.find(decoded) is not None
    return _with_secret(decoded if known else client_id, unquote_plus(secret), secret)


def _by_post(_query: Any, request: OAuth2Request) -> ClientView | None:
    client_id, secret = request.form.get("client_id"), request.form.get("client_secret")
    return _with_secret(client_id, secret) if client_id and secret else None


def _with_secret(client_id: str, *secrets: str) -> ClientView | None:
    client = clients.find(client_id)
    if client is None:
        clients.waste_a_comparison(secrets[0])
        return None
    matches = [client.check_client_secret(secret) for secret in secrets]
    return client if any(matches) else None


class _ClientAssertion(JWTBearerClientAssertion):
    """``private_key_jwt`` (RFC 7523): registered keys only, this provider as audience, each ``jti`` once."""

    CLIENT_AUTH_METHOD = "private_key_jwt"

    def __init__(self) -> None:
        super().__init__(validate_jti=True)

    def __call__(self, query_client: Any, request: OAuth2Request) -> ClientView | None:
        self.leeway = settings().clock_skew
        client: ClientView | None = super().__call__(query_client, request)
        named = request.form.get("client_id")
        if client is not None and named and named != client.id:
            raise InvalidClientError(description="The client_id is another client's.")
        return client

    def get_audiences(self) -> list[str]:
        return audiences()

    def resolve_client_public_key(self, client: ClientView) -> ClientView:
        return client

    def process_assertion_claims(self, assertion: str, client: ClientView) -> Any:
        """Verify the assertion with one of the client's keys, asymmetric algorithms only."""
        headers, _ = self.extract_assertion(assertion)
        alg, kid = headers.get("alg"), headers.get("kid")
        if alg not in ASYMMETRIC_ALGS or "crit" in headers:
            raise InvalidClientError(description="The assertion's algorithm is not accepted.")
        try:
            keys = public_keys(client, kid if isinstance(kid, str) else None)
        except KeysUnavailable:
            raise InvalidClientError(description="The client's keys cannot be had.") from None
        registry = JWSRegistry(algorithms=[alg])
        for key in keys.keys:
            if isinstance(kid, str) and key.kid != kid:
                continue
            try:
                token = jwt.decode(assertion, key, algorithms=[alg], registry=registry)
            except (JoseError, ValueError, TypeError):
                continue
            self.verify_claims(token.claims)
            return token.claims
        raise InvalidClientError(description="The assertion's signature does not verify.")

    def verify_claims(self, claims: dict[str, Any]) -> None:
        expiry = claims.get("exp")
        if isinstance(expiry, bool) or not isinstance(expiry, int | float):
            raise InvalidClientError(description="The assertion needs exp.")
        if (
            not clock.epoch() - self.leeway
            < expiry
            <= clock.epoch() + _LONGEST_ASSERTION_SECONDS + self.leeway
        ):
            raise InvalidClientError(description="The assertion has expired or lives too long.")
        super().verify_claims(claims)

    def validate_jti(self, claims: dict[str, Any], jti: Any) -> bool:
        if not isinstance(jti, str) or not 0 < len(jti) <= _LONGEST_JTI:
            return False
        remembered_until = datetime.fromtimestamp(claims["exp"] + self.leeway, UTC)
        if not assertions.use(claims["sub"], jti, expires_at=remembered_until):
            return False
        # Whatever becomes of the request, this assertion is spent.
        db.session.commit()
        return True


class _CodeGrant(AuthorizationCodeGrant):
    """Redemption of a code (RFC 6749 section 4.1.3): spent by one UPDATE before anything is minted."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def query_authorization_code(self, code: str, client: ClientView) -> Grant | None:
        """Return the grant if it is the client's and unspent; a spent one revokes what it produced."""
        if (redeemed := self._redeemed_at_once(code, client)) is not None:
            return redeemed.grant
        grant = codes.find(code)
        if grant is None or grant.client_id != client.id:
            return None
        if grant.redeemed_at is not None:
            _replayed(grant)
            return None
        return grant if grant.revoked_at is None and grant.expires_at > clock.now() else None

    def authenticate_user(self, grant: Grant) -> _Person | None:
        """Spend the code, unless it is spent. Losing the race is a second presentation, treated as one."""
        if self.request.is_redeemed:
            return _Person(grant.user_id)
        self.access_token = codes.new_access_token()
        if codes.redeem(
            grant, access_token=self.access_token, access_lifetime=_access_lifetime(self.request.client)
        ):
            # Not settled: the answer is an error, and the endpoint takes everything back.
            return _Person(grant.user_id) if self._settled(grant) else None
        spent = codes.find_by_digest(grant.code_digest)
        if spent is not None and spent.redeemed_at is not None:
            _replayed(spent)
        return None

    def _redeemed_at_once(self, code: str, client: ClientView) -> Redeemed | None:
        """Return the code spent in one statement, if database and request allow it."""
        form = self.request.form
        self.access_token = codes.new_access_token()
        verifier = form.get("code_verifier")
        redeemed = None
        if codes.may_be_one(code) and (not verifier or CODE_VERIFIER_PATTERN.match(verifier)):
            redeemed = redemption.redeem_at_once(
                code,
                client_id=client.id,
                redirect_uri=form.get("redirect_uri", ""),
                code_challenge=create_s256_code_challenge(verifier) if verifier else None,
                access_token=self.access_token,
                access_lifetime=_access_lifetime(client),
                kid=keyring.signer(client.id_token_alg).kid,
            )
        self.request.is_redeemed = redeemed is not None
        self.request.journey_reference = redeemed.reference if redeemed else None
        return redeemed

    def _settled(self, grant: Grant) -> bool:
        """Settle what a redemption settles: the journey ends, and an enrolment made in it counts from now on.

        ``False`` if that enrolment was discarded meanwhile: then nothing vouches for the person any more.
        """
        self.request.journey_reference = lifecycle.redeem(grant.journey_id)
        if grant.confirms_enrolment is None:
            return True
        return enrolments.confirm(grant.confirms_enrolment, how="sign-in")

    def generate_token(self, **_options: Any) -> dict[str, Any]:
        return {
            "access_token": self.access_token,
            "token_type": "Bearer",
            "expires_in": _access_lifetime(self.request.client),
            "scope": self.request.authorization_code.scope,
        }

    def delete_authorization_code(self, _grant: Grant) -> None:
        """Nothing to do: the code is spent, and kept so that a second presentation is noticed."""


class _S256Challenge(CodeChallenge):
    """PKCE with S256 alone, whatever a stored record may say."""

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)

    def get_authorization_code_challenge_method(self, _grant: Grant) -> str:
        return "S256"


class _Revocation(RevocationEndpoint):
    """RFC 7009: revokes the client's own access tokens; an unknown token is no error."""

    CLIENT_AUTH_METHODS = AUTH_METHODS

    def authenticate_token(self, request: OAuth2Request, client: ClientView) -> Any:
        # An unknown hint is no error either (RFC 7009 section 2.1: the hint only speeds things up).
        return (request.form["token"], client.id) if request.form.get("token") else None

    def revoke_token(self, token: Any, _request: OAuth2Request) -> None:
        text, client_id = token
        if codes.revoke_access_token(text, client_id=client_id):
            record(Event.TOKEN_REVOKED, client_id=client_id)


def _replayed(grant: Grant) -> None:
    """Revoke what a code produced that was presented twice (RFC 6749 section 4.1.2), for good."""
    revoked = codes.revoke_produced_by(grant)
    reference = lifecycle.reference_of(grant.journey_id)
    record(
        Event.CODE_REPLAYED,
        reference=reference,
        client_id=grant.client_id,
        user_id=grant.user_id,
        revoked=revoked,
    )
    db.session.commit()


def _sign_id_token(grant: _CodeGrant) -> None:
    grant.register_hook("after_create_token_response", _add_id_token)


def _add_id_token(grant: _CodeGrant, response: tuple[int, dict[str, Any], Any]) -> None:
    _, token, _ = response
    client: ClientView = grant.request.client
    spent: Grant = grant.request.authorization_code
    signer = keyring.signer(client.id_token_alg)
    now = clock.epoch()
    token["id_token"] = signer.sign(
        {
            "iss": settings().issuer,
            "aud": client.id,
            "iat": now - settings().id_token_backdate,
            "exp": now + settings().id_token_lifetime,
            **_hash_of_the_access_token(client, token["access_token"], signer.alg),
            **spent.id_token_claims,
        }
    )
    reference = grant.request.journey_reference
    if reference is not None:
        errors.note_reference(reference)
    if grant.request.is_redeemed:
        return
    record(
        Event.JOURNEY_REDEEMED,
        reference=reference,
        client_id=client.id,
        user_id=spent.user_id,
        kid=signer.kid,
    )


def _access_lifetime(client: ClientView) -> int:
    """Return the access token's lifetime; Okta reads it as the ID token's in identity verification."""
    answers = client.profile.answers_failures
    return settings().id_token_lifetime if answers else settings().access_token_lifetime


def _hash_of_the_access_token(client: ClientView, access_token: str, alg: str) -> dict[str, str]:
    """Return ``at_hash``; Okta's identity verification lists its claims, and it is not among them."""
    return {} if client.profile.answers_failures else {"at_hash": half_hash(access_token, alg)}


def half_hash(text: str, alg: str) -> str:
    """Return ``at_hash``: the left half of the hash that goes with ``alg`` (OpenID Connect Core 3.1.3.6)."""
    digest = hashlib.sha512(text.encode()) if alg == "EdDSA" else hashlib.new(f"sha{alg[-3:]}", text.encode())
    raw = digest.digest()
    return base64.urlsafe_b64encode(raw[: len(raw) // 2]).rstrip(b"=").decode()
