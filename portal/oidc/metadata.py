"""Discovery and JWKS, computed from what enforces them: no list is kept by hand beside the code."""

from typing import Any

from flask import jsonify, url_for
from werkzeug.wrappers import Response

from portal.extensions import settings
from portal.idv.requested import CLAIM_NAMES, OKTA_TRUST_FRAMEWORK
from portal.oidc import clients
from portal.oidc.claims import ACR_FACE, ACR_FACE_LIVENESS, CLAIMS_SUPPORTED
from portal.oidc.clients import AUTH_METHODS
from portal.oidc.profiles import ASYMMETRIC_ALGS, SYMMETRIC_REQUEST_ALGS
from portal.oidc.request import CODE_CHALLENGE_METHODS, PROMPTS, RESPONSE_MODES, RESPONSE_TYPES, SCOPES
from portal.oidc.token import GRANT_TYPES
from portal.signing_keys import keyring

#: Clients may keep both documents this long (seconds); keys are published further ahead than that.
MAX_AGE = 300


def discovery() -> Response:
    """Return the provider's metadata (OpenID Connect Discovery 3, RFC 8414)."""
    return _cached(metadata())


def jwks() -> Response:
    """Return the public signing keys (RFC 7517)."""
    return _cached(keyring.jwks())


def metadata() -> dict[str, Any]:
    """Return the metadata document as a dictionary."""
    return {
        "issuer": settings().issuer,
        "authorization_endpoint": _address("oidc_pages.authorize"),
        "token_endpoint": _address("oidc.token"),
        "userinfo_endpoint": _address("oidc.userinfo"),
        "revocation_endpoint": _address("oidc.revoke"),
        "jwks_uri": _address("oidc.jwks"),
        "pushed_authorization_request_endpoint": _address("oidc.par"),
        "require_pushed_authorization_requests": False,
        "response_types_supported": list(RESPONSE_TYPES),
        "response_modes_supported": list(RESPONSE_MODES),
        "grant_types_supported": list(GRANT_TYPES),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": _signing_algs(),
        "scopes_supported": list(SCOPES),
        "claims_supported": list(CLAIMS_SUPPORTED),
        "claim_types_supported": ["normal"],
        "claims_parameter_supported": True,
        "acr_values_supported": [ACR_FACE, ACR_FACE_LIVENESS],
        "prompt_values_supported": list(PROMPTS),
        "code_challenge_methods_supported": list(CODE_CHALLENGE_METHODS),
        "token_endpoint_auth_methods_supported": list(AUTH_METHODS),
        "token_endpoint_auth_signing_alg_values_supported": list(ASYMMETRIC_ALGS),
        "revocation_endpoint_auth_methods_supported": list(AUTH_METHODS),
        "revocation_endpoint_auth_signing_alg_values_supported": list(ASYMMETRIC_ALGS),
        "request_parameter_supported": True,
        "request_uri_parameter_supported": False,
        "request_object_signing_alg_values_supported": [*SYMMETRIC_REQUEST_ALGS, *ASYMMETRIC_ALGS],
        "authorization_response_iss_parameter_supported": True,
        "verified_claims_supported": True,
        "trust_frameworks_supported": [OKTA_TRUST_FRAMEWORK, *clients.other_trust_frameworks()],
        "claims_in_verified_claims_supported": list(
            dict.fromkeys(name.split(".")[0] for name in CLAIM_NAMES)
        ),
        "ui_locales_supported": ["en"],
    }


def _signing_algs() -> list[str]:
    """Return the algorithms for which a key is published, in our order of preference."""
    published = {row.alg for row in keyring.published()}
    return [alg for alg in keyring.ALGORITHMS if alg in published] or ["RS256"]


def _address(endpoint: str) -> str:
    return settings().issuer + url_for(endpoint)


def _cached(document: dict[str, Any]) -> Response:
    response = jsonify(document)
    response.headers["Cache-Control"] = f"public, max-age={MAX_AGE}"
    response.add_etag()
    return response
