"""What is kept about a person besides the login: every detail by its own rule.

Details are what identity verification compares with, so nothing is kept here that could not be compared:
a date is a real date, a telephone number is E.164.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from portal import clock
from portal.models import User

#: The parts of an address (OpenID Connect Core 5.1.1), in the order in which people read them.
ADDRESS_PARTS = ("street_address", "locality", "region", "postal_code", "country")
#: Every detail by its name, as a sentence begins with it.
NAMES = {
    "email": "An e-mail address",
    "given_name": "A given name",
    "middle_name": "A middle name",
    "family_name": "A family name",
    "okta_id": "An Okta id",
    "birthdate": "A date of birth",
    "phone_number": "A telephone number",
    "address": "An address",
}
#: What is written in every script that people have.
_SPELT = ("given_name", "middle_name", "family_name")
#: ZERO WIDTH NON-JOINER and ZERO WIDTH JOINER.
_JOINERS = "\u200c\u200d"
#: Marks that nobody sees, copied along with a name: soft hyphen, zero width space, word joiner, byte order
#: mark, and those that say in which direction one letter runs. No name is spelt with them. What turns a whole
#: text round stays refused.
_UNSEEN = dict.fromkeys([0xAD, 0x61C, 0x200B, 0x200E, 0x200F, 0x2060, 0xFEFF])
_LONGEST_PART = 500
_LONGEST_PHONE = 64
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_OLDEST_YEAR = 1850


def key_of(text: str) -> str:
    """Return the form in which logins and addresses are compared: NFKC, case folded, no outer spaces."""
    return unicodedata.normalize("NFKC", text.strip()).casefold()


def is_plain(text: str, longest: int, *, joiners: bool = False) -> bool:
    """Say whether ``text`` has 1 to ``longest`` characters and no control characters.

    ``joiners`` allows the two that Persian, Sinhala and other names are spelt with; in an account they
    would make two that look like one.
    """
    if not 0 < len(text) <= longest:
        return False
    if text.isascii():
        return text.isprintable()  # the same, without a look at each letter
    return not any(unicodedata.category(c)[0] == "C" and not (joiners and c in _JOINERS) for c in text)


def check(what: str, text: str, column: Any, *, joiners: bool = False) -> None:
    """Refuse what a column cannot hold: folding case can make a text several times as long."""
    longest = column.type.length
    if not is_plain(text, longest, joiners=joiners) or len(key_of(text)) > longest:
        raise ValueError(f"{what} has 1 to {longest} characters and no control characters.")


def cleaned(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return details in the form in which they are kept; nothing but spaces is ``None``, which removes.

    Raises ``ValueError`` with a sentence for what could not be compared, ``TypeError`` for what is no detail.
    """
    if unknown := given.keys() - NAMES.keys():
        raise TypeError(f"no such detail: {min(unknown)}")
    return {name: _KEEPERS.get(name, _text)(name, value) for name, value in given.items()}


def _text(name: str, value: str | None) -> str | None:
    is_spelt = name in _SPELT
    text = (_seen(value) if is_spelt else value or "").strip()
    if not text:
        return None
    check(NAMES[name], text, getattr(User, name), joiners=is_spelt)
    return text


def _seen(text: str | None) -> str:
    """Return ``text`` without the marks that nobody sees, which would keep a name from being kept at all."""
    return (text or "").translate(_UNSEEN)


def _birthdate(name: str, value: str | None) -> str | None:
    text = (value or "").strip()
    if not text:
        return None
    try:
        day = date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None or not date(_OLDEST_YEAR, 1, 1) <= day <= clock.now().date():
        raise ValueError(f"{NAMES[name]} is a day that was, written YYYY-MM-DD, such as 1990-07-31.")
    return text


def _phone_number(name: str, value: str | None) -> str | None:
    """Return a number in E.164. No country is assumed, since a wrong guess would be kept as the truth."""
    text = (value or "").strip()
    if not text:
        return None
    sentence = f"{NAMES[name]} is written with its country code, such as +44 20 7946 0018."
    if not is_plain(text, _LONGEST_PHONE):
        raise ValueError(sentence)
    import phonenumbers  # a megabyte of every country's rules, for whom a sign-in never asks

    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException as error:
        raise ValueError(sentence) from error
    if number.extension:
        raise ValueError(f"{NAMES[name]} is kept without an extension.")
    if not phonenumbers.is_possible_number(number):
        raise ValueError(f"{NAMES[name]} of that length does not exist in its country.")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _address(name: str, value: Mapping[str, str | None] | None) -> dict[str, str] | None:
    parts = {part: _seen(text).strip() for part, text in (value or {}).items()}
    for part, text in parts.items():
        if part not in ADDRESS_PARTS:
            raise ValueError(f"{NAMES[name]} has the parts {', '.join(ADDRESS_PARTS)}.")
        if text and not is_plain(text, _LONGEST_PART, joiners=True):
            raise ValueError(
                f"The {part} of an address has at most {_LONGEST_PART} characters and no control characters."
            )
    return {part: parts[part] for part in ADDRESS_PARTS if parts.get(part)} or None


_KEEPERS: dict[str, Callable[[str, Any], Any]] = {
    "birthdate": _birthdate,
    "phone_number": _phone_number,
    "address": _address,
}
