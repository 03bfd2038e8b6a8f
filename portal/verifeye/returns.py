"""Reading the query with which a browser returns from VerifEye: pure, strict, and never a verdict.

The vendor's signature survives a change of case or order, and two readers of one query may disagree about
repeated, escaped or oddly separated parameters. So this reader accepts only the one spelling the vendor
documents, refuses everything else with a reason from a closed list, and tells the order it read, for
:func:`same_order`. A vendor's new ``reSomething`` is tolerated, once, since it decides nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import unquote_to_bytes

from portal.verifeye.identifiers import canonical, is_uuid

#: Longer than any honest return by an order of magnitude; in bytes.
LONGEST = 4096

STATE = "state"
SESSION_ID = "reVerificationSessionId"
RESULT = "reVerificationResult"
SIGNATURE = "reSignature"

_SESSION_AND_RESULTS = (
    SESSION_ID,
    RESULT,
    "reLivenessResult",
    "reFaceRecognitionResult",
    "reAgeVerificationResult",
    "reGenderVerificationResult",
)
_RESULTS = frozenset(_SESSION_AND_RESULTS[1:])
#: The one documented value that is prose, and may hold a space written as ``+``.
_PROSE = "reFailedReason"
_DOCUMENTED = {
    name.lower(): name
    for name in (
        *_SESSION_AND_RESULTS,
        "reFaceId",
        "reAge",
        "reGender",
        "reCorrelationId",
        "reTotalFaceCount",
        _PROSE,
        SIGNATURE,
        # Not documented as coming back, but they are the vendor's names and must be spelt as such.
        *("reExternalId", "reExpiration", "reNonce", "reConfigurationId", "reVerificationConfigurationId"),
    )
}

_RESERVED_SHAPE = re.compile(r"re[A-Z][A-Za-z0-9]{0,62}")
_STATE_SHAPE = re.compile(r"[0-9a-f]{32}")
_OUTCOMES = frozenset({"passed", "failed", "not_executed"})
_CONTROL_OR_SPACE = re.compile(r"[\x00-\x20\x7f]")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HEX_DIGEST = re.compile(r"[0-9A-Fa-f]{64}")


class Reason(StrEnum):
    """Why a return was refused: stable words for the audit log."""

    TOO_LONG = "too_long"
    NOT_ASCII = "not_ascii"
    CONTROL_CHARACTER = "control_character"
    BAD_ESCAPE = "bad_escape"
    ODD_SEPARATOR = "odd_separator"
    ESCAPED_NAME = "escaped_name"
    RESERVED_MISSPELT = "reserved_misspelt"
    RESERVED_REPEATED = "reserved_repeated"
    UNKNOWN_PARAMETER = "unknown_parameter"
    STATE_MISSING = "state_missing"
    STATE_MISSPELT = "state_misspelt"
    STATE_REPEATED = "state_repeated"
    STATE_MALFORMED = "state_malformed"
    SIGNATURE_MISSING = "signature_missing"
    SIGNATURE_MALFORMED = "signature_malformed"
    SESSION_MISSING = "session_missing"
    SESSION_MALFORMED = "session_malformed"
    RESULT_MALFORMED = "result_malformed"


class ReturnRefused(Exception):
    """The query is not one that VerifEye would have sent; ``reason`` says why."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Returned:
    """A well-formed return. None of it is proven until the signature and the session's result are.

    ``session_id`` is canonical (32 hexadecimal characters), for comparing and for the replay guard;
    ``session_id_as_received`` is what VerifEye is asked about. ``claimed`` is the overall result the
    browser carries (``passed``, ``failed``, ``not_executed``, or None), fit for choosing a wording and for
    nothing else. ``names`` are the parameters' names in the order received, ``values``
    what they stand for. ``raw`` is the query exactly as
    received, which is what the signature covers.
    """

    state: str
    session_id: str
    session_id_as_received: str
    claimed: str | None
    names: tuple[str, ...]
    values: Mapping[str, str] = field(repr=False)
    raw: str = field(repr=False)


def read_return(query_string: str | bytes) -> Returned:
    """Read the query string of VerifEye's return (without ``?``); raises :class:`ReturnRefused` only."""
    raw = _as_ascii(query_string)
    values: dict[str, str] = {}
    seen: set[str] = set()
    for part in raw.split("&"):
        name, equals, value = part.partition("=")
        if not equals:
            raise ReturnRefused(Reason.STATE_MISSING if not raw else Reason.ODD_SEPARATOR)
        _check_name(name, seen)
        values[name] = _decode(name, value)
    return _check_values(values, raw)


def _as_ascii(query_string: str | bytes) -> str:
    """Return the query as text, refused unless it is short and of visible ASCII characters only."""
    if len(query_string) > LONGEST:
        raise ReturnRefused(Reason.TOO_LONG)
    try:
        raw = query_string.decode("ascii") if isinstance(query_string, bytes) else query_string
    except UnicodeDecodeError:
        raise ReturnRefused(Reason.NOT_ASCII) from None
    if not raw.isascii():
        raise ReturnRefused(Reason.NOT_ASCII)
    if _CONTROL_OR_SPACE.search(raw):
        raise ReturnRefused(Reason.CONTROL_CHARACTER)
    if _BAD_ESCAPE.search(raw):
        raise ReturnRefused(Reason.BAD_ESCAPE)
    if ";" in raw:
        raise ReturnRefused(Reason.ODD_SEPARATOR)
    return raw


def _check_name(name: str, seen: set[str]) -> None:
    """Refuse every name but ``state`` and the vendor's own, each once and as documented.

    ``seen`` holds the names before this one, in lower case, and gets this one too.
    """
    if "%" in name or "+" in name:
        raise ReturnRefused(Reason.ESCAPED_NAME)
    lower = name.lower()
    if lower == STATE:
        if name != STATE:
            raise ReturnRefused(Reason.STATE_MISSPELT)
        if STATE in seen:
            raise ReturnRefused(Reason.STATE_REPEATED)
    elif not lower.startswith("re"):
        raise ReturnRefused(Reason.UNKNOWN_PARAMETER)
    elif lower in seen:
        raise ReturnRefused(Reason.RESERVED_REPEATED)
    elif _DOCUMENTED.get(lower, name) != name or not _RESERVED_SHAPE.fullmatch(name):
        raise ReturnRefused(Reason.RESERVED_MISSPELT)
    seen.add(lower)


def _decode(name: str, value: str) -> str:
    """Return a decoded value: printable, and free of ``+`` except where the value is prose."""
    if "+" in value and name != _PROSE:
        raise ReturnRefused(Reason.ODD_SEPARATOR)
    if "%" not in value and "+" not in value:
        return value  # visible ASCII, as the whole query is
    try:
        text = unquote_to_bytes(value.replace("+", " ")).decode("utf-8")
    except UnicodeDecodeError:
        raise ReturnRefused(Reason.BAD_ESCAPE) from None
    if not text.isprintable():
        raise ReturnRefused(Reason.CONTROL_CHARACTER)
    return text


def _check_values(values: dict[str, str], raw: str) -> Returned:
    state = values.get(STATE)
    if state is None:
        raise ReturnRefused(Reason.STATE_MISSING)
    if not _STATE_SHAPE.fullmatch(state):
        raise ReturnRefused(Reason.STATE_MALFORMED)
    if SIGNATURE not in values:
        raise ReturnRefused(Reason.SIGNATURE_MISSING)
    if not _plausible_signature(values[SIGNATURE]):
        raise ReturnRefused(Reason.SIGNATURE_MALFORMED)
    session_id = values.get(SESSION_ID)
    if session_id is None:
        raise ReturnRefused(Reason.SESSION_MISSING)
    if not is_uuid(session_id):
        raise ReturnRefused(Reason.SESSION_MALFORMED)
    if any(values[name] not in _OUTCOMES for name in values.keys() & _RESULTS):
        raise ReturnRefused(Reason.RESULT_MALFORMED)
    return Returned(state, canonical(session_id), session_id, values.get(RESULT), tuple(values), values, raw)


def _plausible_signature(signature: str) -> bool:
    """Say whether a signature may be asked about: opaque, but a hexadecimal digest is in lower case."""
    if not 16 <= len(signature) <= 512 or not signature.isascii() or " " in signature:
        return False
    return not _HEX_DIGEST.fullmatch(signature) or signature == signature.lower()


def same_order(names: tuple[str, ...], pinned: tuple[str, ...]) -> bool:
    """Say whether ``names`` stand in the order of ``pinned`` and its spelling, as far as they share them."""
    if names == pinned:
        return True  # the rule
    known = [name for name in pinned if name in names]
    spelling = {name.lower(): name for name in pinned}
    return [name for name in names if name in pinned] == known and all(
        spelling.get(name.lower(), name) == name for name in names
    )


def documented_order(names: tuple[str, ...]) -> bool:
    """Say whether ``names`` stand as the vendor's table and its example do, where those two agree.

    The signature is last, and our ``state`` stands before or behind all of the vendor's own.
    """
    documented = [name for name in names if name in _SESSION_AND_RESULTS]
    return (
        names[-1] == SIGNATURE
        and names.index(STATE) in (0, len(names) - 2)
        and documented == sorted(documented, key=_SESSION_AND_RESULTS.index)
    )
