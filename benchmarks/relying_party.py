"""The relying party that every contender knows: one client, one redirect URI, one PKCE pair."""

import base64
import hashlib
from urllib.parse import quote, urlencode

CLIENT_ID = "11111111-2222-4333-8444-555555555555"
CLIENT_SECRET = "a-client-secret-for-the-benchmark-alone-0123456789"
REDIRECT_URI = "https://client.example/callback"
VERIFIER = "bench-verifier-0123456789-0123456789-0123456789"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
SCOPE = "openid"
NONCE = "fedcba9876543210"


def authorization(*, client_id: str = CLIENT_ID, scope: str = SCOPE, **more: str) -> dict[str, str]:
    """Return the parameters of an authorization request (OpenID Connect Core 3.1.2.1, RFC 7636)."""
    return {
        "client_id": client_id,
        "redirect_uri": REDIRECT_URI,
        "response_type": "code",
        "scope": scope,
        "state": "0123456789abcdef",
        "nonce": NONCE,
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **more,
    }


def token_form(client_id: str = CLIENT_ID) -> str:
    """Return the body of a token request up to its code (``client_secret_post``)."""
    form = {
        "grant_type": "authorization_code",
        "client_id": client_id,
        "client_secret": CLIENT_SECRET,
        "redirect_uri": REDIRECT_URI,
        "code_verifier": VERIFIER,
    }
    return f"{urlencode(form)}&code="


def token_request(code: str, client_id: str = CLIENT_ID) -> str:
    """Return the body of a token request."""
    return token_form(client_id) + quote(code)


def pushed_form(client_id: str = CLIENT_ID, **more: str) -> str:
    """Return the body of a pushed authorization request (RFC 9126)."""
    return urlencode({**authorization(client_id=client_id, **more), "client_secret": CLIENT_SECRET})
