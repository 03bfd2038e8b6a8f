"""The trusted record, and whether a requested claim agrees with it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from portal.idv import values
from portal.idv.names import NameKind, equal_name, same_name
from portal.idv.requested import RequestedClaim


@dataclass(frozen=True, slots=True)
class TrustedRecord:
    """What the directory knows of the person whose face matched; every part may be missing.

    ``birthdate`` is ``YYYY-MM-DD``, ``phone_number`` E.164 where the directory has it so; the rest is free.
    """

    given_name: str | None = None
    family_name: str | None = None
    middle_name: str | None = None
    email: str | None = None
    birthdate: str | None = None
    phone_number: str | None = None
    street_address: str | None = None
    locality: str | None = None
    region: str | None = None
    postal_code: str | None = None
    country: str | None = None

    def value(self, name: str) -> str | None:
        """Return a claim by name (``email``, ``address.locality`` …), None if absent, empty or unknown."""
        attribute = name.removeprefix("address.")
        held = getattr(self, attribute, None) if attribute in self.__slots__ else None
        return held if isinstance(held, str) and held.strip() else None


class ClaimOutcome(StrEnum):
    """What became of one requested claim: stable words for the audit log, without the value."""

    MATCHED = "matched"
    DIFFERS = "differs"
    RECORD_LACKS = "record_lacks"
    NO_FACE = "no_face"
    UNSUPPORTED = "unsupported"


_NAMES = {"given_name": NameKind.GIVEN, "middle_name": NameKind.MIDDLE, "family_name": NameKind.FAMILY}
#: One meaning, however it is written: these are compared alike whether or not the request says fuzzy.
_ALWAYS: dict[str, Callable[[str, str], bool]] = {
    "birthdate": values.same_date,
    "email": values.same_email,
    "phone_number": values.same_phone,
}
_ADDRESS: dict[str, Callable[[str, str], bool]] = {
    "address.street_address": values.same_street,
    "address.locality": values.same_place,
    "address.region": values.same_region,
    "address.postal_code": values.same_postal_code,
    "address.country": values.same_country,
}


def agrees(claim: RequestedClaim, record: TrustedRecord, *, threshold: float, fuzzy: bool) -> ClaimOutcome:
    """Say whether ``record`` has the claim, and with a value that the request accepts.

    ``fuzzy`` asks for the comparison by likeness (names at ``threshold``, addresses by their normal form);
    otherwise names and addresses must be the same text. A claim without a value in the request only needs to
    be in the record.
    """
    if not claim.known:
        return ClaimOutcome.UNSUPPORTED
    held = record.value(claim.name)
    if held is None:
        return ClaimOutcome.RECORD_LACKS
    accepted = claim.element.accepted
    if accepted is None or any(_same(claim.name, text, held, threshold, fuzzy=fuzzy) for text in accepted):
        return ClaimOutcome.MATCHED
    return ClaimOutcome.DIFFERS


def _same(name: str, requested: str, held: str, threshold: float, *, fuzzy: bool) -> bool:
    if name in _ALWAYS:
        return _ALWAYS[name](requested, held)
    if name in _NAMES:
        return same_name(requested, held, _NAMES[name], threshold) if fuzzy else equal_name(requested, held)
    return _ADDRESS[name](requested, held) if fuzzy else values.same_text(requested, held)
