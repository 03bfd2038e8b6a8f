"""The org authorization server: metadata, keys, and the token endpoint for service apps and for sign-in."""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

from portal import clock, credentials
from portal.sandbox.okta.answers import OAuthError
from portal.sandbox.okta.store import Records, Store

#: Okta's access tokens live this long; service apps cannot choose.
LIFETIME = 3_600
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ALGORITHMS = ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"]
_LONGEST_ASSERTION = 3_600
_KEY = "signing_key"


def blueprint(store: Store) -> Blueprint:
    """Return the routes over ``store``."""
    room = Blueprint("oauth", __name__)

    @room.get("/.well-known/openid-configuration")
    @room.get("/.well-known/oauth-authorization-server")
    def metadata() -> ResponseReturnValue:
        """Say what the org authorization server can do, as far as it can here."""
        return jsonify(_metadata(issuer()))

    @room.get("/oauth2/v1/keys")
    def keys() -> ResponseReturnValue:
        with store.transaction() as records:
            return jsonify(keys=[signing_key(records).as_dict(private=False)])

    @room.post("/oauth2/v1/token")
    def token() -> ResponseReturnValue:
        """Issue a token for a service app's assertion, or for a code of the sign-in."""
        grants: dict[str, Callable[[Records], dict[str, Any]]] = {
            "client_credentials": _client_credentials,
            "authorization_code": _authorization_code,
        }
        grant = grants.get(request.form.get("grant_type", ""))
        if grant is None:
            raise OAuthError("unsupported_grant_type", "The authorization grant type is not supported.")
        with store.transaction() as records:
            document = grant(records)
        answer = jsonify(document)
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @room.get("/oauth2/v1/userinfo")
    def userinfo() -> ResponseReturnValue:
        """Return the claims of the person whose access token this is."""
        digest = credentials.digest(request.headers.get("Authorization", "").partition(" ")[2])
        with store.transaction() as records:
            row = records.one(
                "SELECT users.* FROM access_tokens JOIN users ON users.id = user_id"
                " WHERE digest = ? AND expires > ?",
                digest, clock.now().timestamp(),
            )  # fmt: skip
        if row is None:
            return Response(status=401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
        return jsonify(sub=row["id"], **profile_claims(json.loads(row["profile"])))

    return room


def issuer() -> str:
    """Return the org authorization server's issuer: the org's own address."""
    return request.host_url.rstrip("/")


def signing_key(records: Records) -> RSAKey:
    """Return the key that signs ID tokens, made at the first need and kept."""
    kept = records.setting(_KEY)
    if kept is None:
        key = RSAKey.generate_key(2048, {"kid": credentials.random_hex(128), "use": "sig", "alg": "RS256"})
        kept = key.as_dict(private=True)
        records.set(_KEY, kept)
    return RSAKey.import_key(kept)


def profile_claims(profile: dict[str, Any]) -> dict[str, Any]:
    """Return what ``profile`` and ``email`` stand for, from an Okta profile."""
    return {
        "name": f"{profile['firstName']} {profile['lastName']}",
        "given_name": profile["firstName"],
        "family_name": profile["lastName"],
        "preferred_username": profile["login"],
        "email": profile["email"],
        "email_verified": True,
    }


def _metadata(here: str) -> dict[str, Any]:
    return {
        "issuer": here,
        "authorization_endpoint": f"{here}/oauth2/v1/authorize",
        "token_endpoint": f"{here}/oauth2/v1/token",
        "userinfo_endpoint": f"{here}/oauth2/v1/userinfo",
        "jwks_uri": f"{here}/oauth2/v1/keys",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "form_post"],
        "grant_types_supported": ["authorization_code", "client_credentials"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "email", "profile"],
        "token_endpoint_auth_methods_supported": [
            "client_secret_basic", "client_secret_post", "private_key_jwt"
        ],
        "token_endpoint_auth_signing_alg_values_supported": _ALGORITHMS,
        "claims_supported": [
            "iss", "sub", "aud", "iat", "exp", "auth_time", "amr", "nonce", "at_hash", "ver", "idp", "name",
            "given_name", "family_name", "preferred_username", "email", "email_verified",
        ],
        "code_challenge_methods_supported": ["S256"],
    }  # fmt: skip


def _client_credentials(records: Records) -> dict[str, Any]:
    """Check a service app's assertion and its scopes; ``private_key_jwt`` is the only method it has."""
    if request.form.get("client_assertion_type") != _ASSERTION:
        raise OAuthError("invalid_client", "Service apps authenticate with private_key_jwt only.", 401)
    client_id, scopes = _service_app(records, request.form.get("client_assertion", ""))
    wanted = request.form.get("scope", "").split()
    if not wanted or not set(wanted) <= set(scopes):
        raise OAuthError("invalid_scope", "One or more scopes are not granted to this app.")
    return {
        "token_type": "Bearer", "expires_in": LIFETIME, "scope": " ".join(wanted),
        "access_token": _access_token(records, client_id, None, wanted),
    }  # fmt: skip


def _service_app(records: Records, assertion: str) -> tuple[str, list[str]]:
    refusal = OAuthError("invalid_client", "The client_assertion token is not valid.", 401)
    try:
        payload = json.loads(_part(assertion.split(".")[1]))
        client_id = payload["sub"]
    except (ValueError, KeyError, IndexError, TypeError):
        raise refusal from None
    row = records.one("SELECT document FROM clients WHERE id = ? AND kind = 'service'", str(client_id))
    if row is None:
        raise refusal
    app = json.loads(row["document"])
    try:
        token = jwt.decode(assertion, KeySet.import_key_set({"keys": app["keys"]}), algorithms=_ALGORITHMS)
        jwt.JWTClaimsRegistry(
            now=clock.epoch(), leeway=5,
            iss={"essential": True, "value": client_id}, sub={"essential": True, "value": client_id},
            aud={"essential": True, "value": f"{issuer()}/oauth2/v1/token"}, exp={"essential": True},
        ).validate(token.claims)  # fmt: skip
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise OAuthError("invalid_client", f"The client_assertion token is not valid: {error}", 401) from None
    if token.claims["exp"] - clock.epoch() > _LONGEST_ASSERTION:
        raise OAuthError(
            "invalid_client", "The client_assertion token has an expiration too far into the future.", 401
        )
    jti = token.claims.get("jti")
    if (
        jti is not None
        and not records.run("INSERT OR IGNORE INTO assertions VALUES (?, ?)", (client_id, str(jti))).rowcount
    ):
        raise OAuthError("invalid_client", "The client_assertion token has been used before.", 401)
    return str(client_id), app["scopes"]


def _part(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _access_token(records: Records, client_id: str, user_id: str | None, scopes: list[str]) -> str:
    token = credentials.random_token("local-okta-")
    records.run(
        "INSERT INTO access_tokens VALUES (?, ?, ?, ?, ?)",
        (credentials.digest(token), client_id, user_id, " ".join(scopes), clock.now().timestamp() + LIFETIME),
    )
    return token


def _authorization_code(records: Records) -> dict[str, Any]:
    client_id = _sign_in_app(records)
    row = records.one(
        "SELECT * FROM codes WHERE digest = ?", credentials.digest(request.form.get("code", ""))
    )
    refusal = OAuthError("invalid_grant", "The authorization code is invalid or has expired.")
    if row is None:
        raise refusal
    records.run("DELETE FROM codes WHERE digest = ?", (row["digest"],))
    code = json.loads(row["document"])
    if row["expires"] < clock.now().timestamp() or code["client_id"] != client_id:
        raise refusal
    if code["redirect_uri"] != request.form.get("redirect_uri"):
        raise OAuthError(
            "invalid_grant",
            "The 'redirect_uri' does not match the redirection URI used in the authorization request.",
        )
    _check_pkce(code["code_challenge"])
    person = records.one("SELECT * FROM users WHERE id = ? AND status = 'ACTIVE'", code["user_id"])
    if person is None:
        raise refusal
    access = _access_token(records, client_id, person["id"], code["scopes"])
    claims = _id_claims(code, client_id, person["id"], access) | profile_claims(json.loads(person["profile"]))
    key = signing_key(records)
    id_token = jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key)
    return {
        "token_type": "Bearer", "expires_in": LIFETIME, "scope": " ".join(code["scopes"]),
        "access_token": access, "id_token": id_token,
    }  # fmt: skip


def _id_claims(code: dict[str, Any], client_id: str, user_id: str, access: str) -> dict[str, Any]:
    now = clock.epoch()
    left = hashlib.sha256(access.encode()).digest()[:16]
    claims = {
        "sub": user_id, "ver": 1, "iss": issuer(), "aud": client_id, "iat": now, "exp": now + LIFETIME,
        "jti": credentials.random_token("ID."), "amr": ["pwd"], "idp": "00o0000000000000000",
        "auth_time": int(code["auth_time"]), "at_hash": base64.urlsafe_b64encode(left).rstrip(b"=").decode(),
    }  # fmt: skip
    return claims | ({"nonce": code["nonce"]} if code["nonce"] else {})


def _sign_in_app(records: Records) -> str:
    """Return the app whose secret came by header or in the form; raises ``invalid_client``."""
    refusal = OAuthError(
        "invalid_client", "The client secret supplied for a confidential client is invalid.", 401
    )
    client_id, secret = request.form.get("client_id", ""), request.form.get("client_secret", "")
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise refusal from None
        client_id, secret = unquote(name), unquote(password)
    row = records.one("SELECT document FROM clients WHERE id = ? AND kind = 'sign-in'", client_id)
    if row is None or not credentials.same(json.loads(row["document"])["secret"], credentials.digest(secret)):
        raise refusal
    return client_id


def _check_pkce(challenge: str | None) -> None:
    verifier = request.form.get("code_verifier", "")
    hashed = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    if challenge is not None and not credentials.same(challenge, hashed):
        raise OAuthError("invalid_grant", "PKCE verification failed.")
