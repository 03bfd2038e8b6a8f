"""Registering relying parties and keeping their secrets: what may be said about a client at all.

Everything is checked here, once, when an operator says it, so that the endpoints need not doubt the
record. A secret is kept as a digest. It is sealed as well only where it also keys the client's signed
request objects (HS256 and its kin), because then it must be used and not only compared.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from sqlalchemy import select

from portal import clock, credentials
from portal.audit.events import Event
from portal.audit.log import record
from portal.extensions import db, settings, vault
from portal.models import Client, ClientSecret, VerificationConfiguration
from portal.oidc import client_keys, clients
from portal.oidc.profiles import (
    ASYMMETRIC_ALGS,
    CLAIM_ENCODINGS,
    CLAIM_RETURNS,
    ENROLMENT_POLICIES,
    PROFILES,
    SYMMETRIC_REQUEST_ALGS,
    Profile,
)
from portal.settings import is_loopback
from portal.signing_keys.keyring import ALGORITHMS

SECRET_PREFIX = "vps_"  # noqa: S105 - a mark, not a secret
#: Both secrets are good for a day after a rotation, unless the operator says otherwise.
DEFAULT_OVERLAP = 86_400
LONGEST_OVERLAP = 90 * 86_400

_LONGEST_NAME = 200
_LONGEST_ID = 128
_LONGEST_URI = 2048
_LONGEST_SECRET = 512
_MOST_URIS = 50
#: RFC 7518 section 3.2: a key must be at least as long as the hash. joserfc is content with less.
_SHORTEST_KEY = {"HS256": 32, "HS384": 48, "HS512": 64}
_FRAMEWORK = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


@dataclass(frozen=True)
class VerifiedClaims:
    """How a client wants identity verification answered; raises ``ValueError`` with a sentence."""

    encoding: str = "object"
    returns: str = "MATCHED"
    #: From which score two names are the same, 0 to 1; ``None``: the measured default.
    name_threshold: float | None = None
    #: Asserted beside what the profile asserts anyway.
    trust_frameworks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.encoding not in CLAIM_ENCODINGS or self.returns not in CLAIM_RETURNS:
            raise ValueError("Claims are encoded as object or plain, and returned as MATCHED or values.")
        if self.name_threshold is not None and not 0 < self.name_threshold <= 1:
            raise ValueError("The threshold for names lies above 0 and is at most 1.")
        for name in self.trust_frameworks:
            if not _FRAMEWORK.fullmatch(name):
                raise ValueError(
                    "A trust framework's name has letters, digits, dots, dashes and underscores."
                )


class ClientExists(ValueError):
    """There is a client with this id already; the message is a sentence."""


def register(
    name: str,
    *,
    verification_id: str,
    profile: str,
    redirect_uris: Sequence[str],
    client_id: str | None = None,
    secret: str | None = None,
    enrolment: str = "invited",
    require_pkce: bool = False,
    id_token_alg: str = "RS256",  # noqa: S107 - an algorithm's name
    request_algs: Sequence[str] | None = None,
    jwks: dict[str, Any] | None = None,
    jwks_uri: str | None = None,
    require_par: bool = False,
    verified_claims: VerifiedClaims | None = None,
) -> tuple[Client, str | None]:
    """Add a relying party; return its record, flushed, and the secret if one was made (else ``None``).

    ``verification_id`` is a configuration's canonical id, and the ``client_id`` unless one is given.
    ``request_algs`` are the signatures taken in request objects (RFC 9101); with none, such objects are
    refused; left out, they are what the profile, the secret's length and the keys allow. Raises
    ``ValueError`` with a sentence for the operator, :class:`ClientExists` among them.
    """
    name = name.strip()
    if not 1 <= len(name) <= _LONGEST_NAME or not name.isprintable():
        raise ValueError("A client's name has 1 to 200 characters that can all be seen.")
    rules = PROFILES.get(profile)
    if rules is None:
        raise ValueError(f"The profile must be one of {', '.join(PROFILES)}.")
    if enrolment not in ENROLMENT_POLICIES:
        raise ValueError(f"The enrolment policy must be one of {', '.join(ENROLMENT_POLICIES)}.")
    if id_token_alg not in ALGORITHMS:
        raise ValueError(f"The ID token's algorithm must be one of {', '.join(ALGORITHMS)}.")
    _check_verification(verification_id)
    client_id = verification_id if client_id is None else client_id
    _check_client_id(client_id)
    _check_redirect_uris(redirect_uris)
    _check_keys(jwks, jwks_uri)
    has_keys = jwks is not None or jwks_uri is not None
    made = None if secret is not None else new_secret(request_algs or SYMMETRIC_REQUEST_ALGS)
    kept = made or secret or ""
    if request_algs is None:
        request_algs = _usual_request_algs(rules, kept, has_keys=has_keys)
    _check_request_algs(request_algs, has_keys=has_keys)
    answers = verified_claims or VerifiedClaims()
    check_secret(kept, request_algs)
    if db.session.get(Client, client_id) is not None:
        raise ClientExists(f"There is a client with the id {client_id} already; give this one another id.")
    client = Client(
        id=client_id,
        name=name,
        profile=profile,
        verification_id=verification_id,
        redirect_uris=list(redirect_uris),
        enrolment_policy=enrolment,
        require_pkce=require_pkce or rules.requires_pkce,
        id_token_alg=id_token_alg,
        request_object_algs=list(request_algs),
        jwks=jwks,
        jwks_uri=jwks_uri,
        require_par=require_par or rules.requires_par,
        claim_encoding=answers.encoding,
        claim_returns=answers.returns,
        name_threshold=answers.name_threshold,
        trust_frameworks=list(answers.trust_frameworks) or None,
        created_at=clock.now(),
        secrets=[_secret_row(kept, request_algs)],
    )
    db.session.add(client)
    db.session.flush()
    clients.forget_remembered()
    record(Event.CLIENT_ADDED, client_id=client.id, profile=profile, enrolment=enrolment)
    return client, made


def rotate_secret(
    client: Client, *, secret: str | None = None, overlap_seconds: int = DEFAULT_OVERLAP
) -> str:
    """Give ``client`` another secret and return it, flushed; the former ones stay good for the overlap.

    Without ``secret`` one is made. A second rotation does not lengthen what an earlier one cut short.
    Raises ``ValueError`` with a sentence for the operator.
    """
    if not 0 <= overlap_seconds <= LONGEST_OVERLAP:
        raise ValueError("The overlap is between 0 seconds and 90 days.")
    kept = new_secret(client.request_object_algs) if secret is None else secret
    check_secret(kept, client.request_object_algs)
    now, until = clock.now(), clock.after(overlap_seconds)
    for former in list(client.secrets):
        former.expires_at = min(former.expires_at or until, until)
        if former.expires_at <= now:
            client.secrets.remove(former)
    client.secrets.insert(0, _secret_row(kept, client.request_object_algs))
    db.session.flush()
    clients.forget_remembered()
    record(Event.CLIENT_SECRET_ROTATED, client_id=client.id, overlap_seconds=overlap_seconds)
    return kept


def disable(client: Client) -> bool:
    """Refuse everything from ``client`` from now on; ``False`` if it was disabled before. Flushes."""
    if client.disabled_at is not None:
        return False
    client.disabled_at = clock.now()
    db.session.flush()
    clients.forget_remembered()
    record(Event.CLIENT_DISABLED, client_id=client.id)
    return True


def enable(client: Client) -> bool:
    """Serve a disabled client again; ``False`` if it was not disabled. Flushes."""
    if client.disabled_at is None:
        return False
    client.disabled_at = None
    db.session.flush()
    clients.forget_remembered()
    record(Event.CLIENT_ENABLED, client_id=client.id)
    return True


def find(client_id: str) -> Client | None:
    """Return the client with this id, disabled or not."""
    if not client_id or len(client_id) > _LONGEST_ID or not client_id.isascii() or "\x00" in client_id:
        return None
    return db.session.get(Client, client_id)


def every() -> list[Client]:
    """Return every client, oldest first, the disabled ones too."""
    return list(db.session.scalars(select(Client).order_by(Client.created_at, Client.id)))


def new_secret(request_algs: Collection[str] = ()) -> str:
    """Return a fresh secret, long enough for the strongest of ``request_algs`` that it has to key."""
    longest = max((_SHORTEST_KEY.get(alg, 0) for alg in request_algs), default=0)
    return credentials.random_token(SECRET_PREFIX, bits=max(256, longest * 8))


def check_secret(secret: str, request_algs: Collection[str] = ()) -> None:
    """Raise ``ValueError`` with a sentence unless ``secret`` is strong enough for what it has to do."""
    if any(not 33 <= ord(letter) <= 126 for letter in secret):
        raise ValueError("A client secret is one line of visible ASCII characters without spaces.")
    if not credentials.is_strong(secret) or len(secret) > _LONGEST_SECRET:
        raise ValueError(
            "A client secret has 16 to 512 characters, eight of them different; leave it out and one is made."
        )
    for alg in sorted(_SHORTEST_KEY.keys() & set(request_algs)):
        if len(secret) < _SHORTEST_KEY[alg]:
            raise ValueError(
                f"A secret that keys {alg} request objects needs {_SHORTEST_KEY[alg]} characters or more "
                "(RFC 7518 section 3.2); leave it out to have one made."
            )


def check_redirect_uri(uri: str) -> None:
    """Raise ``ValueError`` with a sentence unless ``uri`` may be registered (RFC 6749 section 3.1.2)."""
    _check_uri(uri, "A redirect URI")
    if len(uri) > _LONGEST_URI:
        raise ValueError("A redirect URI has at most 2048 characters.")


def _usual_request_algs(profile: Profile, secret: str, *, has_keys: bool) -> list[str]:
    """Return what a client may sign with unless an operator says otherwise.

    Okta and its Terraform provider sign under the client secret by default. A secret shorter than the
    hash could be found out from one signed request, so it keys none.
    """
    by_secret = [alg for alg, shortest in _SHORTEST_KEY.items() if len(secret) >= shortest]
    return (by_secret if profile.takes_secret_signed_requests else []) + (
        list(ASYMMETRIC_ALGS) if has_keys else []
    )


def _secret_row(secret: str, request_algs: Collection[str]) -> ClientSecret:
    keys_requests = any(alg in SYMMETRIC_REQUEST_ALGS for alg in request_algs)
    return ClientSecret(
        id=credentials.random_hex(),
        digest=credentials.digest(secret),
        sealed=vault().seal(secret) if keys_requests else None,
        created_at=clock.now(),
    )


def _check_verification(verification_id: str) -> None:
    configuration = db.session.get(VerificationConfiguration, verification_id)
    if configuration is None or configuration.removed_at is not None:
        raise ValueError(f"There is no verification configuration {verification_id}; add it first.")


def _check_client_id(client_id: str) -> None:
    # A colon ends the user name of HTTP Basic, and a quotation mark or backslash would need escaping
    # in a header: no relying party agrees with another on how.
    if not 1 <= len(client_id) <= _LONGEST_ID or any(
        not 33 <= ord(letter) <= 126 or letter in '"\\:' for letter in client_id
    ):
        raise ValueError(
            "A client id has 1 to 128 visible ASCII characters without spaces, quotation marks, "
            "backslashes and colons."
        )


def _check_redirect_uris(uris: Sequence[str]) -> None:
    if not uris:
        raise ValueError("A client needs at least one redirect URI.")
    if len(uris) > _MOST_URIS:
        raise ValueError(f"A client has at most {_MOST_URIS} redirect URIs.")
    if len(set(uris)) != len(uris):
        raise ValueError("A redirect URI is given twice.")
    for uri in uris:
        check_redirect_uri(uri)


def _check_uri(uri: str, what: str) -> None:
    if any(not 33 <= ord(letter) <= 126 or letter in '"<>\\^`{|}' for letter in uri):
        raise ValueError(f"{what} holds a space, a control character or another that no URI may hold.")
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port  # reading the port is what checks it
    except ValueError as error:
        raise ValueError(f"{what} is not a valid URI.") from error
    if "#" in uri:
        raise ValueError(f"{what} must not have a fragment.")
    if "@" in parts.netloc:
        raise ValueError(f"{what} must not contain a user name or password.")
    if not host or parts.scheme not in ("https", "http"):
        raise ValueError(f"{what} is an absolute URI that begins with https:// and a host.")
    if parts.scheme == "http" and not (settings().allow_http_loopback and is_loopback(host)):
        raise ValueError(f"{what} must begin with https://; plain http is for loopback in demo and test.")


def _check_request_algs(algs: Sequence[str], *, has_keys: bool) -> None:
    known = SYMMETRIC_REQUEST_ALGS + ASYMMETRIC_ALGS
    if any(alg not in known for alg in algs):
        raise ValueError(f"A request object's algorithm is one of {', '.join(known)}.")
    if len(set(algs)) != len(algs):
        raise ValueError("A request object's algorithm is given twice.")
    asymmetric = [alg for alg in algs if alg in ASYMMETRIC_ALGS]
    if asymmetric and not has_keys:
        raise ValueError(
            f"Request objects signed with {asymmetric[0]} are checked with the client's public keys: "
            "give its JWK Set or the address of it."
        )


def _check_keys(jwks: dict[str, Any] | None, jwks_uri: str | None) -> None:
    if jwks is not None and jwks_uri is not None:
        raise ValueError("Give the client's JWK Set or the address of it, not both.")
    if jwks_uri is not None:
        _check_uri(jwks_uri, "A JWK Set's address")
        if len(jwks_uri) > _LONGEST_URI:
            raise ValueError("A JWK Set's address has at most 2048 characters.")
    if jwks is not None:
        _check_jwks(jwks)


def _check_jwks(jwks: dict[str, Any]) -> None:
    keys = jwks.get("keys") if isinstance(jwks, dict) else None
    if not isinstance(keys, list) or not keys or not all(isinstance(key, dict) for key in keys):
        raise ValueError('A JWK Set is a JSON object with a list of keys under "keys".')
    for key in keys:
        if key.get("kty") == "oct":
            raise ValueError("A client's JWK Set holds public keys; a symmetric key does not belong there.")
        if _PRIVATE_MEMBERS & key.keys():
            raise ValueError(
                "The JWK Set holds a private key; give its public half and consider the key known."
            )
        if client_keys.is_too_short(key):
            raise ValueError(
                f"An RSA key of a client's JWK Set has at least {client_keys.SHORTEST_RSA} bits."
            )
    try:
        KeySet.import_key_set({"keys": keys})
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise ValueError("A key of the JWK Set cannot be read.") from error
