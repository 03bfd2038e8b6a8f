"""Authlib's server on our records: the code grant and revocation (who proves itself, and how, is next door).

Three of Authlib's habits are changed here, each for a measured reason: PKCE accepts ``plain`` unless
the method is fixed; a code is consumed after the token is saved, so two simultaneous redemptions both
succeed; and keys are imported for every token. Here a code is spent by one UPDATE before anything is
minted, the method is S256, and the signer holds its key.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import InvalidClientError, OAuth2Error, OAuth2Request
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge, create_s256_code_challenge
from authlib.oauth2.rfc7636.challenge import CODE_VERIFIER_PATTERN
from flask import Flask, current_app, request
from werkzeug.wrappers import Response

from portal import clock
from portal.audit.events import Event
from portal.audit.log import record
from portal.extensions import db, settings
from portal.grants import codes
from portal.grants.codes import Grant
from portal.journey import lifecycle
from portal.oidc import client_authentication, client_limits, clients, redemption, responses
from portal.oidc.client_authentication import ClientAssertion, Presented
from portal.oidc.clients import AUTH_METHODS, ClientView
from portal.oidc.parameters import Parameters
from portal.signing_keys import keyring
from portal.signing_keys.keyring import Signer
from portal.users import enrolments
from portal.web import errors

_EXTENSION = "portal.oidc.server"


class _Person(NamedTuple):
    """What Authlib wants of a user: something that is true."""

    id: str | None


class AsReceived(OAuth2Request):
    """A request as Authlib sees it: the parameters that were read and found acceptable, and no others.

    Authlib's own would read the body a second time, and would take a parameter from the query as well.
    """

    def __init__(self, received: Parameters, *, proven: ClientView | None = None) -> None:
        """Take the parameters and, if it has proven who it is, the client that sent them.

        Raises :class:`MachineError` for plain http, which Authlib would answer with an exception of its own.
        """
        client_authentication.require_https()
        # Authlib refuses plain http but on loopback, by scheme and host; it needs no more of the address.
        super().__init__(request.method, f"{request.scheme}://{request.host}/")
        self.headers = request.headers
        self._received = received.values
        self.payload = BasicOAuth2Payload(self._received)
        self.proven = proven

    @property
    def form(self) -> dict[str, str]:
        """The parameters of the body."""
        return self._received


class PortalServer(AuthorizationServer):
    """Authlib's server on the portal's clients and grants."""

    def __init__(self, app: Flask) -> None:
        super().__init__(app, query_client=clients.find, save_token=_token_is_saved_with_its_code)
        self.register_client_auth_method("client_secret_basic", client_authentication.by_basic)
        self.register_client_auth_method("client_secret_post", client_authentication.by_post)
        self.register_client_auth_method("private_key_jwt", ClientAssertion())
        self.register_grant(_CodeGrant, [_S256Challenge(required=False)])
        self.register_endpoint(_Revocation)

    def redeem(self, received: Parameters) -> Response:
        """Answer a redemption (RFC 6749 section 4.1.3): at once, if the request proves everything.

        What is not redeemed at once is judged by Authlib, which also says what is wrong with it.
        """
        presented = Presented(received)
        try:
            client = self.authenticate_client(presented, AUTH_METHODS)
        except OAuth2Error as error:
            refusal: Response = self.handle_error_response(presented, error)
            return refusal
        redeemed = _redeemed_at_once(client, presented.form)
        if redeemed is not None:
            return responses.document(redeemed)
        judged: Response = self.create_token_response(AsReceived(received, proven=client))
        return judged

    def create_oauth2_request(self, request: Parameters | AsReceived) -> OAuth2Request:
        """Return Authlib's view of the parameters that an endpoint has read."""
        return request if isinstance(request, AsReceived) else AsReceived(request)

    def authenticate_client(
        self, request: AsReceived | Presented, methods: Sequence[str], endpoint: str = "token"
    ) -> ClientView:
        """Return the client; one answer (401) for an unknown client, a wrong secret and a wrong method.

        Raises ``TooManyRequests`` where the client, proven, asks more than its limit allows.
        """
        if isinstance(request, AsReceived) and request.proven is not None:
            return request.proven
        try:
            client: ClientView = super().authenticate_client(request, methods, endpoint)
            if request.form.get("client_id") not in (None, "", client.id):
                raise InvalidClientError  # whoever authenticates in one place speaks for itself in the other
        except InvalidClientError:
            raise InvalidClientError(status_code=401, description="Client authentication failed.") from None
        client_limits.admit(client)
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


class _CodeGrant(AuthorizationCodeGrant):
    """Redemption of a code (RFC 6749 section 4.1.3): spent by one UPDATE before anything is minted."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def query_authorization_code(self, code: str, client: ClientView) -> Grant | None:
        """Return the grant if it is the client's and unspent; a spent one revokes what it produced."""
        grant = codes.find(code)
        if grant is None or grant.client_id != client.id:
            return None
        if grant.redeemed_at is not None:
            _replayed(grant)
            return None
        return grant if grant.revoked_at is None and grant.expires_at > clock.now() else None

    def authenticate_user(self, grant: Grant) -> _Person | None:
        """Spend the code, unless it is spent. Losing the race is a second presentation, treated as one."""
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

    def _settled(self, grant: Grant) -> bool:
        """Settle what a redemption settles: the journey ends, and an enrolment made in it counts from now on.

        ``False`` if that enrolment was discarded meanwhile, or the factor held back: then nothing vouches for
        the person any more.
        """
        self.reference = lifecycle.redeem(grant.journey_id)
        if not codes.is_vouched_for(grant):
            return False
        if grant.confirms_enrolment is None:
            return True
        return enrolments.confirm(grant.confirms_enrolment, how="sign-in")

    def generate_token(self, **_options: Any) -> dict[str, Any]:
        """Return the whole answer, and write down what was redeemed."""
        client: ClientView = self.request.client
        spent: Grant = self.request.authorization_code
        signer = keyring.signer(client.id_token_alg)
        record(
            Event.JOURNEY_REDEEMED,
            reference=self.reference,
            client_id=client.id,
            user_id=spent.user_id,
            kid=signer.kid,
        )
        if self.reference is not None:
            errors.note_reference(self.reference)
        return _answer(client, signer, self.access_token, spent.scope, spent.id_token_claims)

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


def _redeemed_at_once(client: ClientView, form: Mapping[str, str]) -> dict[str, Any] | None:
    """Spend the code of ``form`` in one statement and return the answer; ``None``: not in this way."""
    code, verifier = form.get("code", ""), form.get("code_verifier")
    if not codes.may_be_one(code) or (verifier and not CODE_VERIFIER_PATTERN.match(verifier)):
        return None
    signer = keyring.signer(client.id_token_alg)
    access_token = codes.new_access_token()
    redeemed = redemption.redeem_at_once(
        code,
        client_id=client.id,
        redirect_uri=form.get("redirect_uri", ""),
        code_challenge=create_s256_code_challenge(verifier) if verifier else None,
        access_token=access_token,
        access_lifetime=_access_lifetime(client),
        kid=signer.kid,
    )
    if redeemed is None:
        return None
    if redeemed.reference is not None:
        errors.note_reference(redeemed.reference)
    return _answer(client, signer, access_token, redeemed.scope, redeemed.id_token_claims)


def _answer(
    client: ClientView, signer: Signer, access_token: str, scope: str, claims: dict[str, Any]
) -> dict[str, Any]:
    """Return the answer of the token endpoint (OpenID Connect Core 3.1.3.3), its ID token signed."""
    configured, now = settings(), clock.epoch()
    id_token = {
        "iss": configured.issuer,
        "aud": client.id,
        "iat": now - configured.id_token_backdate,
        "exp": now + configured.id_token_lifetime,
        **_hash_of_the_access_token(client, access_token, signer.alg),
        **claims,
    }
    return {
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": _access_lifetime(client),
        "scope": scope,
        "id_token": signer.sign(id_token),
    }


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
