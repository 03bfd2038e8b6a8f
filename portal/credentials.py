"""Randomness, digests and encryption at rest: every secret of the portal is made or kept here.

What the portal only compares is kept as a digest; what it must use is sealed with a key from the
environment. Randomness comes from the operating system and from nowhere else.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

#: No vowels, no look-alikes: a reference is read out over the telephone.
_REFERENCE_ALPHABET = "23456789BCDFGHJKLMNPQRSTVWXZ"
_REFERENCE_LETTERS = 12
_REFERENCES = len(_REFERENCE_ALPHABET) ** _REFERENCE_LETTERS


class UnsealError(Exception):
    """A sealed value cannot be opened with any of the configured encryption keys."""


def random_hex(bits: int = 128) -> str:
    """Return a random lower-case hexadecimal string carrying ``bits`` bits.

    Lower-case hex is the one form that survives VerifEye's case-insensitive signatures.
    """
    return secrets.token_hex(bits // 8)


def ordered_hex(moment: datetime) -> str:
    """Return 32 lower-case hex characters that sort by ``moment``, with 80 random bits: a name, not a secret.

    For keys of tables that grow: new rows stand together at the end of the index, so that its other pages
    are neither read nor written (the idea of RFC 9562 section 5.7).
    """
    return f"{int(moment.timestamp() * 1000):012x}{secrets.token_hex(10)}"


def random_token(prefix: str, bits: int = 256) -> str:
    """Return ``prefix`` followed by a random URL-safe string of ``bits`` bits.

    The prefix makes a leaked token recognisable to a secret scanner and to an operator.
    """
    return prefix + secrets.token_urlsafe(bits // 8)


def reference() -> str:
    """Return a short reference such as ``7KXM-2PQR-9BCD``: a name, not a secret.

    With its 57 bits, ten million that are kept make the next one collide once in ten thousand million.
    """
    number, letters = secrets.randbelow(_REFERENCES), ""
    for _ in range(_REFERENCE_LETTERS):
        number, place = divmod(number, len(_REFERENCE_ALPHABET))
        letters += _REFERENCE_ALPHABET[place]
    return f"{letters[:4]}-{letters[4:8]}-{letters[8:]}"


def jitter(seconds: float) -> float:
    """Return a random number of seconds between half of ``seconds`` and ``seconds``."""
    return seconds * (0.5 + secrets.randbelow(1_000_001) / 2_000_000)


def digest(secret: str) -> str:
    """Return the SHA-256 of ``secret`` as 64 hex characters, for storing what is only compared.

    A plain fast hash is right here: every secret stored so is random and at least 128 bits long,
    or is checked against :func:`is_strong` when somebody else chose it.
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def same(left: str, right: str) -> bool:
    """Compare two strings in a time that does not depend on where they differ."""
    return hmac.compare_digest(left.encode("utf-8", "surrogatepass"), right.encode("utf-8", "surrogatepass"))


def is_strong(secret: str) -> bool:
    """Say whether ``secret``, chosen outside the portal, is long enough to keep as a fast digest."""
    return len(secret) >= 16 and len(set(secret)) >= 8


def new_encryption_key() -> str:
    """Return a fresh key for ``PORTAL_ENCRYPTION_KEY`` (44 characters, URL-safe base64)."""
    return Fernet.generate_key().decode()


class Vault:
    """Encryption at rest with the keys of ``PORTAL_ENCRYPTION_KEY``, newest first.

    The newest key seals; every key opens, so keys can be rotated without a moment of downtime.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        """Take one or more Fernet keys; raises ``ValueError`` if one is malformed or none is given."""
        if not keys:
            raise ValueError("at least one encryption key is needed")
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def seal(self, secret: str) -> str:
        """Return ``secret`` encrypted and authenticated, as ASCII text for a database column."""
        return self._fernet.encrypt(secret.encode()).decode()

    def unseal(self, sealed: str) -> str:
        """Return the secret sealed in ``sealed``; raises :class:`UnsealError`."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise UnsealError("sealed with another key, or altered") from error

    def reseal(self, sealed: str) -> str:
        """Return ``sealed`` encrypted anew under the newest key; raises :class:`UnsealError`."""
        try:
            return self._fernet.rotate(sealed.encode()).decode()
        except InvalidToken as error:
            raise UnsealError("sealed with another key, or altered") from error
