"""VerifEye's published URL signature, as its C# reference behaves: pure functions, no network.

The canonical form of a query ignores what the vendor ignores: the order of parameters, the case of names
and of values, and whether the string began with ``?``. The signature is the SHA-256 of that form with the
API key appended. It is not an HMAC and covers no host, path or purpose, so a valid signature proves only
that somebody with the key signed these parameters in some case and order, for a link or for a result.

The portal normally asks VerifEye to sign and to validate; it computes signatures itself only where a
configuration says so, and in the sandbox.
"""

import hashlib
import re
from urllib.parse import quote

from portal import credentials

SIGNATURE = "reSignature"
_SIGNATURE_LOWER = SIGNATURE.lower()

#: What .NET's ``UrlEncoder.Default`` leaves as it is, beside letters and digits.
_UNESCAPED = "-._~!$()*,;@"
#: Parameters with nothing to decode and nothing to encode again, what links and returns nearly always are,
#: have only these, and one ``=`` each.
_PLAIN = re.compile(r"[A-Za-z0-9._~!$()*,;@&=-]+")
_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_SURROGATE = re.compile("[\ud800-\udfff]")
_SIGNATURE_SHAPE = re.compile(r"[0-9a-f]{64}")


def parse(query: str) -> list[tuple[str, str]]:
    """Return the decoded (name, value) pairs of ``query`` in their order; never raises.

    A leading ``?`` is dropped; ``+`` is a space; a part without ``=`` has an undecoded name and an empty
    value; empty parts vanish; escapes that are not UTF-8 stay escaped.
    """
    pairs = []
    for part in query.removeprefix("?").split("&"):
        name, equals, value = part.partition("=")
        if equals:
            pairs.append((_decode(name), _decode(value)))
        elif name:
            pairs.append((name, ""))
    return pairs


def canonicalise(query: str) -> str:
    """Return the string that is signed: ``?`` and the sorted, lower-cased, re-encoded parameters.

    The signature parameter itself is left out. Never raises, whatever ``query`` is.
    """
    plain = query.removeprefix("?")
    if _PLAIN.fullmatch(plain):
        parts = sorted(part.split("=") for part in plain.lower().split("&"))
        if all(len(part) == 2 for part in parts):
            return "?" + "&".join(f"{name}={value}" for name, value in parts if name != _SIGNATURE_LOWER)
    pairs = sorted((_lower(name), _lower(value)) for name, value in parse(query))
    return "?" + "&".join(
        f"{_encode(name)}={_encode(value)}" for name, value in pairs if name != _SIGNATURE_LOWER
    )


def sign(query: str, api_key: str) -> str:
    """Return the signature of ``query`` under ``api_key``: 64 lower-case hexadecimal characters."""
    return hashlib.sha256((canonicalise(query) + api_key).encode()).hexdigest()


def verify(query: str, api_key: str) -> bool:
    """Say, in constant time, whether ``query`` carries exactly one signature and it is the right one."""
    given = [value for name, value in parse(query) if _lower(name) == _SIGNATURE_LOWER]
    if len(given) != 1 or not _SIGNATURE_SHAPE.fullmatch(given[0]):
        return False
    return credentials.same(given[0], sign(query, api_key))


def _decode(text: str) -> str:
    if "%" not in text and "+" not in text:
        return text
    return _ESCAPES.sub(_decode_run, text.replace("+", " "))


def _decode_run(run: re.Match[str]) -> str:
    """Decode neighbouring escapes together, since one character may need several."""
    text = bytes.fromhex(run[0].replace("%", "")).decode("utf-8", "surrogateescape")
    return _SURROGATE.sub(lambda byte: f"%{ord(byte[0]) & 0xFF:02X}", text)


def _lower(text: str) -> str:
    """Lower-case each character by itself, as .NET does: no character becomes two, no final sigma."""
    if text.isascii():
        return text.lower()
    return "".join(low if len(low := character.lower()) == 1 else character for character in text)


def _encode(text: str) -> str:
    return quote(_SURROGATE.sub("\ufffd", text), safe=_UNESCAPED)
