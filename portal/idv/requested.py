"""Reading ``verified_claims`` out of a ``claims`` parameter that anybody may have written.

The shapes are those of OpenID Connect for Identity Assurance 1.0 (section 5: null, or an object with
``value``, ``values``, ``essential``, ``purpose``, ``max_age``) and of Okta's two contracts: today's
``{"value": "Dan", "fuzzy": true}``, and the first one's ``{"fuzzy": "Dan"}`` beside a bare ``"Jones"``.
What is not known is ignored; what is too large, too deep or of the wrong shape is refused with a reason.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

#: Okta's list, which is also ours; address parts are written with a dot.
ADDRESS_PARTS = ("street_address", "locality", "region", "postal_code", "country")
CLAIM_NAMES = ("given_name", "family_name", "middle_name", "email", "birthdate", "phone_number",
               *(f"address.{part}" for part in ADDRESS_PARTS))  # fmt: skip

#: How Okta names the trust it asks for; its documentation has two spellings.
OKTA_TRUST_FRAMEWORK = "IDV-DELEGATED"

_LONGEST_JSON = 32_768
_MOST_CHARACTERS = 32_768
_MOST_NODES = 1_000
_DEEPEST = 12
_MOST_ENTRIES = 10
#: What a record is compared with; ten entries of Okta's whole list hold 110.
_MOST_VALUES = 150
#: Members of a request for a claim that do not say what its value must be.
_HARMLESS = frozenset({"essential", "purpose", "max_age"})
_PURPOSE_LENGTH = range(3, 301)

#: Spellings of Okta's documentation that its own examples contradict.
_CLAIM_MISSPELT = {"bithdate": "birthdate"}
_FRAMEWORK_MISSPELT = {"IDV_DELEGATED": OKTA_TRUST_FRAMEWORK}


class ClaimsRefusal(StrEnum):
    """Why a ``claims`` parameter is refused: the client's ``invalid_request``, in stable words."""

    NOT_JSON = "not_json"
    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    TOO_MANY = "too_many"
    WRONG_SHAPE = "wrong_shape"
    BAD_PURPOSE = "bad_purpose"


class ClaimsRefused(Exception):
    """The ``claims`` parameter cannot be used; ``reason`` says why and nothing of what it held."""

    def __init__(self, reason: ClaimsRefusal) -> None:
        super().__init__(reason.value)
        #: One of the closed list of reasons.
        self.reason = reason


class ClaimShape(StrEnum):
    """How a claim was asked for, so that Okta's older contract can be answered in kind."""

    ANY = "any"  #: null or an object without a value
    TEXT = "text"  #: "Jones"
    FUZZY_TEXT = "fuzzy_text"  #: {"fuzzy": "Dan"}
    OBJECT = "object"  #: {"value": "Dan", "fuzzy": true}


@dataclass(frozen=True, slots=True)
class Element:
    """One member of ``verification`` (or what a claim has in common with it).

    ``accepted`` is None if any value will do; otherwise only these texts will, and an empty tuple means that
    nothing we could say would. ``max_age`` is in seconds. ``members`` holds what is nested below.
    """

    accepted: tuple[str, ...] | None = None
    essential: bool | None = None
    max_age: float | None = None
    purpose: str | None = None
    members: Mapping[str, "Element"] = field(default_factory=lambda: MappingProxyType({}))

    def allows(self, value: str) -> bool:
        """Say whether ``value`` meets the constraint."""
        return self.accepted is None or value in self.accepted

    def constrained(self) -> bool:
        """Say whether this element, or anything below it, may not have just any value."""
        below = any(member.constrained() for member in self.members.values())
        return self.accepted is not None or self.max_age is not None or below


@dataclass(frozen=True, slots=True)
class RequestedClaim:
    """One claim asked for.

    ``name`` is one of :data:`CLAIM_NAMES` if the claim is ``known``, otherwise the client's own word, which
    may look like one of them and must not be answered, logged or shown.
    """

    name: str
    element: Element
    shape: ClaimShape
    fuzzy: bool = False
    known: bool = True


@dataclass(frozen=True, slots=True)
class RequestedEntry:
    """One entry of ``verified_claims``: what is asked of the verification, and which claims."""

    verification: Mapping[str, Element]
    claims: tuple[RequestedClaim, ...]


@dataclass(frozen=True, slots=True)
class Requested:
    """What is asked for in one place; ``array`` says whether the client wrote an array."""

    entries: tuple[RequestedEntry, ...] = ()
    array: bool = False

    def asks_for_a_claim_in_each(self) -> bool:
        """Say whether there is something to verify in each of the entries, and an entry at all."""
        asked = [any(claim.known for claim in entry.claims) for entry in self.entries]
        return bool(asked) and all(asked)


@dataclass(frozen=True, slots=True)
class VerifiedClaimsRequest:
    """The ``verified_claims`` of a ``claims`` parameter, for the ID token and for userinfo."""

    id_token: Requested = Requested()
    userinfo: Requested = Requested()


def read_claims(claims: object) -> VerifiedClaimsRequest:
    """Return the ``verified_claims`` asked for in ``claims``: the parameter's JSON text, or its parsed value.

    Absent ``verified_claims`` gives no entries. Raises :class:`ClaimsRefused` and nothing else.
    """
    document = _parsed(claims) if isinstance(claims, str) else claims
    _measure(document)
    members = _object(document)
    return VerifiedClaimsRequest(
        id_token=_place(members.get("id_token")), userinfo=_place(members.get("userinfo"))
    )


def _parsed(text: str) -> object:
    if len(text) > _LONGEST_JSON:
        raise ClaimsRefused(ClaimsRefusal.TOO_LARGE)
    try:
        return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_without_repetition)
    except RecursionError:
        raise ClaimsRefused(ClaimsRefusal.TOO_DEEP) from None
    except ValueError:
        raise ClaimsRefused(ClaimsRefusal.NOT_JSON) from None


def _refuse_constant(_name: str) -> None:
    raise ValueError("NaN and Infinity are not JSON")


def _without_repetition(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Refuse a member that is there twice: two readers could see two requests."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ClaimsRefused(ClaimsRefusal.WRONG_SHAPE)
    return members


def _measure(document: object) -> None:
    """Refuse a document that is too large, too deep or not made of JSON's types; safe on cycles."""
    pending: list[tuple[object, int]] = [(document, 1)]
    nodes = characters = 0
    while pending:
        value, depth = pending.pop()
        nodes += 1
        if depth > _DEEPEST:
            raise ClaimsRefused(ClaimsRefusal.TOO_DEEP)
        if nodes > _MOST_NODES:
            raise ClaimsRefused(ClaimsRefusal.TOO_LARGE)
        if isinstance(value, dict):
            if not all(isinstance(name, str) for name in value):
                raise ClaimsRefused(ClaimsRefusal.WRONG_SHAPE)
            characters += sum(map(len, value))
            pending.extend((member, depth + 1) for member in value.values())
        elif isinstance(value, list):
            pending.extend((member, depth + 1) for member in value)
        elif isinstance(value, str):
            characters += len(value)
        elif not (value is None or isinstance(value, bool | int) or _finite(value)):
            raise ClaimsRefused(ClaimsRefusal.WRONG_SHAPE)
        if characters > _MOST_CHARACTERS:
            raise ClaimsRefused(ClaimsRefusal.TOO_LARGE)


def _finite(value: object) -> bool:
    return isinstance(value, float) and math.isfinite(value)


def _object(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise ClaimsRefused(ClaimsRefusal.WRONG_SHAPE)
    return value


def _place(value: object) -> Requested:
    """Read what is asked for in the ID token or in userinfo; null asks for nothing."""
    verified_claims = None if value is None else _object(value).get("verified_claims")
    if verified_claims is None:
        return Requested()
    entries = verified_claims if isinstance(verified_claims, list) else [verified_claims]
    if len(entries) > _MOST_ENTRIES:
        raise ClaimsRefused(ClaimsRefusal.TOO_MANY)
    read = tuple(map(_entry, entries))
    if sum(len(claim.element.accepted or ()) for entry in read for claim in entry.claims) > _MOST_VALUES:
        raise ClaimsRefused(ClaimsRefusal.TOO_MANY)
    return Requested(read, isinstance(verified_claims, list))


def _entry(value: object) -> RequestedEntry:
    members = _object(value)
    verification = _object(members.get("verification"))
    claims = members.get("claims")
    return RequestedEntry(
        verification=MappingProxyType(
            {name: _verification(name, member) for name, member in verification.items()}
        ),
        claims=() if claims is None else tuple(_claims(_object(claims))),
    )


def _verification(name: str, value: object) -> Element:
    element = _element(value)
    if name != "trust_framework" or element.accepted is None:
        return element
    accepted = tuple(_FRAMEWORK_MISSPELT.get(word, word) for word in element.accepted)
    return Element(accepted, element.essential, element.max_age, element.purpose)


def _element(value: object) -> Element:
    """Read null, an object of constraints or of further elements, an array of them, or a bare value."""
    if value is None:
        return Element()
    if isinstance(value, list):  # "evidence": [{…}, …]; what cannot be met in one cannot be met
        return Element(
            members=MappingProxyType({str(at): _element(member) for at, member in enumerate(value)})
        )
    if not isinstance(value, dict):
        return Element(accepted=_texts([value]))
    own = ("value", "values", "essential", "max_age", "purpose")
    return Element(
        accepted=_accepted(value),
        essential=_boolean(value.get("essential")),
        max_age=_seconds(value.get("max_age")),
        purpose=_purpose(value.get("purpose")),
        members=MappingProxyType(
            {
                name: _element(member)
                for name, member in value.items()
                if name not in own and isinstance(member, dict | list)
            }
        ),
    )


def _accepted(members: Mapping[str, object]) -> tuple[str, ...] | None:
    """Return the texts that ``value`` and ``values`` leave; both together leave what is in both."""
    value, values = members.get("value"), members.get("values")
    if values is not None and not isinstance(values, list):
        raise ClaimsRefused(ClaimsRefusal.WRONG_SHAPE)
    if "value" in members and value is None:
        return ()  # a comparison was asked for, with nothing: it cannot agree
    one = None if value is None else _texts([value])
    several = None if values is None else _texts(values)
    if one is None or several is None:
        return several if one is None else one
    return tuple(text for text in one if text in several)


def _texts(values: list[object]) -> tuple[str, ...]:
    """Keep the texts: everything we could answer is text, so nothing else can be met."""
    return tuple(value for value in values if isinstance(value, str))


def _boolean(value: object) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    raise ClaimsRefused(ClaimsRefusal.WRONG_SHAPE)


def _seconds(value: object) -> float | None:
    """Read ``max_age``: a number of seconds that is not negative."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise ClaimsRefused(ClaimsRefusal.WRONG_SHAPE)
    return float(min(value, 10**12))


def _purpose(value: object) -> str | None:
    """Read ``purpose``: 3 to 300 characters, or the request is refused (IDA 1.0, section 6)."""
    if value is None:
        return None
    if not isinstance(value, str) or len(value) not in _PURPOSE_LENGTH:
        raise ClaimsRefused(ClaimsRefusal.BAD_PURPOSE)
    return value


def _claims(members: dict[str, object]) -> Iterator[RequestedClaim]:
    for name, value in members.items():
        right = _CLAIM_MISSPELT.get(name, name)
        if right != name and right in members:
            continue  # both spellings: the right one counts
        if right == "address":
            yield from _address(value)
        elif right in CLAIM_NAMES and not right.startswith("address."):
            yield _claim(right, value)
        elif isinstance(value, dict):
            yield RequestedClaim(name, _element(value), ClaimShape.ANY, known=False)
        else:
            yield RequestedClaim(name, Element(), ClaimShape.ANY, known=False)


def _address(value: object) -> Iterator[RequestedClaim]:
    """Read ``address``: parts one by one (Okta), or the whole of it (IDA), perhaps with a value of parts.

    Only a request for the whole that constrains nothing asks for every part. One that constrains what
    is not kept here (a formatted address, a list of values, a part of another name) can be met by nothing.
    """
    members = {} if value is None else _object(value)
    wanted = members.get("value")
    source = wanted if isinstance(wanted, dict) else members
    parts = {part: source[part] for part in ADDRESS_PARTS if part in source}
    if parts:
        for part, request in parts.items():
            yield _claim(f"address.{part}", request)
    elif not members.keys() - _HARMLESS:
        element = _element(members)
        for part in ADDRESS_PARTS:
            yield RequestedClaim(f"address.{part}", element, ClaimShape.ANY)
    else:
        essential = _element(
            {name: member for name, member in members.items() if name in _HARMLESS}
        ).essential
        unmeetable = Element((), essential is not False)
        yield RequestedClaim("address", unmeetable, ClaimShape.ANY, known=False)


def _claim(name: str, value: object) -> RequestedClaim:
    if value is None:
        return RequestedClaim(name, Element(), ClaimShape.ANY)
    if isinstance(value, str):
        return RequestedClaim(name, Element(accepted=(value,)), ClaimShape.TEXT)
    members = _object(value)
    fuzzy = members.get("fuzzy")
    if isinstance(fuzzy, str):
        common = _element(
            {name: member for name, member in members.items() if name not in ("fuzzy", "value", "values")}
        )
        also = members.get("value", fuzzy)
        accepted = (fuzzy,) if also == fuzzy else ()  # two values that differ: nothing is both
        element = Element(accepted, common.essential, common.max_age, common.purpose)
        return RequestedClaim(name, element, ClaimShape.FUZZY_TEXT, fuzzy=True)
    element = _element(members)
    shape = ClaimShape.ANY if element.accepted is None else ClaimShape.OBJECT
    return RequestedClaim(name, element, shape, fuzzy=_boolean(fuzzy) is True)
