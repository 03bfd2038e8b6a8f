"""Signed texts for addresses and forms: itsdangerous' own format, with what never changes made once.

itsdangerous derives its key, and makes an encoder, a compressor and a signer, anew for each text. The texts
here are the ones that it would write, and each reads the other's.
"""

import hmac
import json
from binascii import b2a_base64
from collections.abc import Iterable
from typing import Any

from itsdangerous import Signer, TimestampSigner, URLSafeTimedSerializer
from itsdangerous.encoding import int_to_bytes
from itsdangerous.signer import SigningAlgorithm

from portal import clock

_URL_SAFE = bytes.maketrans(b"+/", b"-_")
#: Below this many bytes, a document of ours is not made shorter by compressing it.
_SHORT = 100


class _Hmac(SigningAlgorithm):
    """HMAC with SHA-1, itsdangerous' default (as a MAC it is unbroken: RFC 6194 section 3.3).

    What a key alone decides is computed once for each of the few keys there are.
    """

    def __init__(self) -> None:
        self._begun: dict[bytes, hmac.HMAC] = {}

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        begun = self._begun.get(key)
        if begun is None:
            begun = self._begun[key] = hmac.new(key, digestmod="sha1")
        mac = begun.copy()
        mac.update(value)
        return mac.digest()


class _Signer(TimestampSigner):
    """A signer on the portal's clock that derives each of its keys once."""

    def __init__(self, secret_keys: list[bytes], salt: bytes, key_derivation: str | None) -> None:
        super().__init__(secret_keys, salt=salt, key_derivation=key_derivation, algorithm=_Hmac())
        self._derived = {key: super(_Signer, self).derive_key(key) for key in self.secret_keys}

    def derive_key(self, secret_key: str | bytes | None = None) -> bytes:
        if secret_key is None:
            return self._derived[self.secret_keys[-1]]
        known = self._derived.get(secret_key) if isinstance(secret_key, bytes) else None
        return known if known is not None else super().derive_key(secret_key)

    def mac(self, value: bytes) -> bytes:
        """Return the bare signature of ``value``, by the newest key."""
        return self.algorithm.get_signature(self.derive_key(), value)

    def get_timestamp(self) -> int:
        return clock.epoch()


class _Compact:
    """JSON as itsdangerous writes it, with one encoder."""

    dumps = staticmethod(json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode)
    loads = staticmethod(json.loads)


class SignedText(URLSafeTimedSerializer):
    """Writes a document as a signed text of letters, digits, ``-``, ``_`` and ``.``, and reads it back.

    Keep one for each purpose, which the salt names. ``loads`` raises ``itsdangerous.BadData``.
    """

    def __init__(
        self,
        secret_keys: Iterable[str | bytes],
        *,
        salt: str,
        serializer: Any = _Compact,
        key_derivation: str | None = None,
    ) -> None:
        """Take the secret keys, newest first: that one signs, each is accepted.

        ``serializer`` turns a document into text and back; ``key_derivation`` is one of itsdangerous' names.
        """
        super().__init__(list(reversed(list(secret_keys))), salt=salt, serializer=serializer)  # type: ignore[arg-type]
        self._kept = _Signer(self.secret_keys, salt.encode(), key_derivation)

    def make_signer(self, salt: str | bytes | None = None) -> Signer:
        """Return the signer, which is the same for every text of one salt."""
        return self._kept if salt in (None, self.salt) else super().make_signer(salt)

    def dumps(self, obj: Any, salt: str | bytes | None = None) -> str:
        """Return ``obj`` as a signed text; reading one, and judging its signature, is itsdangerous' own."""
        if salt not in (None, self.salt):
            return super().dumps(obj, salt)
        said = self.dump_payload(obj) + b"." + _base64(int_to_bytes(clock.epoch()))
        return (said + b"." + _base64(self._kept.mac(said))).decode("ascii")

    def dump_payload(self, obj: Any) -> bytes:
        """Return ``obj`` as it stands in the text, before it is signed."""
        document = self.serializer.dumps(obj).encode()
        return _base64(document) if len(document) < _SHORT else super().dump_payload(obj)


def _base64(data: bytes) -> bytes:
    return b2a_base64(data, newline=False).translate(_URL_SAFE).rstrip(b"=")
