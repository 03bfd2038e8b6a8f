"""Okta's rules for ``verified_claims`` (guide "Integrate Okta with identity verification vendors").

Two generations of the contract are known. Today each claim is asked for as ``{"value": …, "fuzzy": true}``
and comes back as an object of the same form; in the first publication a claim was plain text, or
``{"fuzzy": "Dan"}``. The answer has to mirror the request, so what was sent decides which form is right.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from portal import clock
from portal.okta.simulator.checks import Ledger
from portal.okta.simulator.validation import MISSING, PARSING_ERROR

TRUST_FRAMEWORK = "IDV-DELEGATED"
VERIFIED, FAILED = "VERIFIED", "FAILED"
MATCHED = "MATCHED"
CLAIMS_NOT_VERIFIED = "CLAIMS_NOT_VERIFIED"

ADDRESS = ("street_address", "locality", "region", "postal_code", "country")
#: The supported claims; those of the address are nested in ``address``.
SUPPORTED = (
    "given_name", "family_name", "middle_name", "email", "birthdate", "phone_number",
    *(f"address.{name}" for name in ADDRESS),
)  # fmt: skip
ALWAYS = ("given_name", "family_name")
#: The two claims with a reason of their own in the System Log.
_OWN_REASON = {
    "given_name": "CLAIM_GIVEN_NAME_NOT_VERIFIED",
    "family_name": "CLAIM_FAMILY_NAME_NOT_VERIFIED",
}
#: Okta's own sample of a request misspells one name; the answer has to have it right.
_MISSPELT = {"bithdate": "birthdate"}
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


class _Misshapen(Exception):
    """A claim has another form than it was asked for in; the message completes "given_name …"."""


def evaluate(ledger: Ledger, claims: Mapping[str, Any], asked: Mapping[str, Any]) -> str | None:
    """Note every rule for the ID token's ``verified_claims`` and return the vendor's reference.

    ``asked`` is the ``claims`` object of the request's ``verified_claims``. The reference is
    ``verification_process``, which Okta keeps as IdvReferenceId, or ``None``.
    """
    entries = claims.get("verified_claims")
    if entries is None:
        ledger.broken("verified_claims", "verified_claims is missing.", MISSING)
        return None
    if not isinstance(entries, list):
        ledger.broken("verified_claims", "verified_claims is not an array.", PARSING_ERROR)
        return None
    if not entries:
        ledger.broken("verified_claims", "verified_claims is empty.", MISSING)
        return None
    if len(entries) > 1:
        ledger.warning("verified_claims", f"{len(entries)} entries came for the one that was asked for.")
    references = [_entry(ledger, entry, asked) for entry in entries]
    return references[0]


def _entry(ledger: Ledger, entry: Any, asked: Mapping[str, Any]) -> str | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("verification"), dict):
        ledger.broken("verification", "An entry has no verification object.", MISSING)
        return None
    verification = entry["verification"]
    level = verification.get("assurance_level")
    unverified = _claims(ledger, entry.get("claims"), asked)
    reason = _reason(unverified)
    for name in unverified:
        ledger.denied(name, f"{name} came back as null: it was not verified.", reason)
    _trust_framework(ledger, verification)
    _level(ledger, verification, reason)
    if level == VERIFIED and unverified:
        ledger.warning("assurance_level", "assurance_level is VERIFIED although a claim is null.")
    _time(ledger, verification.get("time"))
    process = verification.get("verification_process")
    if process is not None and not isinstance(process, str):
        ledger.broken("verification_process", "verification_process is not text.", PARSING_ERROR)
        return None
    if not process:
        ledger.warning("verification_process", "There is no verification_process: no IdvReferenceId.")
    return process or None


def _reason(unverified: list[str]) -> str:
    """Return the reason for claims that were not verified: a name's own, if it is the only one."""
    return (
        _OWN_REASON.get(unverified[0], CLAIMS_NOT_VERIFIED) if len(unverified) == 1 else CLAIMS_NOT_VERIFIED
    )


def _trust_framework(ledger: Ledger, verification: Mapping[str, Any]) -> None:
    framework = verification.get("trust_framework")
    ledger.require(
        framework == TRUST_FRAMEWORK,
        "trust_framework",
        f"trust_framework is {TRUST_FRAMEWORK}.",
        f"trust_framework is {framework!r} and has to be {TRUST_FRAMEWORK}.",
        CLAIMS_NOT_VERIFIED if "trust_framework" in verification else MISSING,
    )


def _level(ledger: Ledger, verification: Mapping[str, Any], reason: str) -> None:
    level = verification.get("assurance_level")
    if level == VERIFIED:
        ledger.ok("assurance_level", "assurance_level is VERIFIED.")
    elif "assurance_level" not in verification:
        ledger.broken("assurance_level", "assurance_level is missing.", MISSING)
    elif level in (FAILED, None):
        word = FAILED if level else "null"
        ledger.denied("assurance_level", f"assurance_level is {word}: the person was not verified.", reason)
    else:
        ledger.broken(
            "assurance_level", f"assurance_level is {level!r}, which Okta does not know.", CLAIMS_NOT_VERIFIED
        )


def _time(ledger: Ledger, time: Any) -> None:
    if time is None:
        ledger.broken("time", "The verification has no time.", MISSING)
        return
    try:
        if not isinstance(time, str) or "T" not in time:
            raise ValueError
        moment = datetime.fromisoformat(time)
    except ValueError:
        ledger.broken("time", f"time is {time!r}, which is not ISO 8601.", PARSING_ERROR)
        return
    if moment.tzinfo is None:
        ledger.warning("time", "time names no zone; Okta's sample has none either, and means UTC by it.")
    elif moment > clock.now():
        ledger.warning("time", "time is in the future.")
    else:
        ledger.ok("time", f"time is {time}.")


def _claims(ledger: Ledger, answered: Any, asked: Mapping[str, Any]) -> list[str]:
    """Note what came of each claim and return the names of those that are null."""
    if answered is None:
        ledger.broken("claims", "There is no claims object.", MISSING)
        return []
    if not isinstance(answered, dict):
        ledger.broken("claims", "claims is not an object.", PARSING_ERROR)
        return []
    if not answered:
        ledger.ok("claims", "claims is empty: Okta takes assurance_level for every claim.")
        return []
    flat, wanted = _flattened(ledger, answered), _paths(asked)
    for name in flat.keys() - set(SUPPORTED):
        ledger.broken(
            name, f"{name} is not on Okta's list of claims; Okta fails the evaluation.", PARSING_ERROR
        )
    for name in [name for name in SUPPORTED if name in flat and name not in wanted]:
        ledger.warning(name, f"{name} was not asked for.")
    for name in [name for name in SUPPORTED if name not in flat and (name in wanted or name in ALWAYS)]:
        ledger.broken(name, f"{name} is missing from the answer.", f"{MISSING}_{_suffix(name)}")
    unverified = []
    for name in [name for name in SUPPORTED if name in wanted and name in flat]:
        try:
            value = _value(ledger, name, wanted[name], flat[name])
            if value is None:
                unverified.append(name)
            else:
                _well_formed(name, value)
                _accepted(ledger, name, value, wanted[name])
        except _Misshapen as error:
            ledger.broken(name, f"{name} {error}", f"{PARSING_ERROR}_{_suffix(name)}")
    return unverified


def _flattened(ledger: Ledger, answered: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer with the members of ``address`` under dotted names."""
    flat = dict(answered)
    address = flat.pop("address", {})
    for name in ADDRESS:
        if name in flat:
            ledger.warning(name, f"{name} stands beside address; Okta's sample nests it.")
            flat[f"address.{name}"] = flat.pop(name)
    if address is None:
        flat |= {f"address.{name}": None for name in ADDRESS}
    elif isinstance(address, dict):
        flat |= {f"address.{name}": value for name, value in address.items()}
    else:
        ledger.broken("address", "address is not an object.", f"{PARSING_ERROR}_ADDRESS")
    return flat


def _paths(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was asked for, with the members of ``address`` under dotted names."""
    address = asked.get("address", {})
    plain = {_MISSPELT.get(name, name): value for name, value in asked.items() if name != "address"}
    return plain | {f"address.{name}": value for name, value in address.items()}


def _value(ledger: Ledger, name: str, asked: Any, answered: Any) -> str | None:
    """Return what came back for a claim, ``None`` if it was not verified; raises :class:`_Misshapen`."""
    if answered is None:
        return None
    if isinstance(asked, dict) and asked.get("fuzzy") is True:
        if answered == MATCHED:
            ledger.warning(name, f"{name} is a bare MATCHED; where Okta wants the word is not published.")
            return MATCHED
        if not isinstance(answered, dict) or "value" not in answered or answered.get("fuzzy") is not True:
            raise _Misshapen("was asked for as an object and has to come back as {fuzzy: true, value: …}.")
        value = answered["value"]
    elif isinstance(asked, dict) and isinstance(answered, dict):
        if answered.keys() != {"fuzzy"}:
            raise _Misshapen("was asked for as {fuzzy: …} and has to come back so, or as plain text.")
        value = answered["fuzzy"]
    else:
        value = answered
    if value is not None and (not isinstance(value, str) or not value):
        raise _Misshapen("is neither text nor null.")
    return value


def _well_formed(name: str, value: str) -> None:
    if name == "birthdate" and value != MATCHED:
        try:
            if not _DATE.fullmatch(value):
                raise ValueError
            date.fromisoformat(value)
        except ValueError as error:
            raise _Misshapen("is not a date of the form YYYY-MM-DD.") from error
    if name == "phone_number" and value != MATCHED and not _E164.fullmatch(value):
        raise _Misshapen("is not a telephone number of the form E.164.")


def _accepted(ledger: Ledger, name: str, value: str, asked: Any) -> None:
    sent = asked.get("value", asked.get("fuzzy")) if isinstance(asked, dict) else asked
    if value in (MATCHED, sent):
        ledger.ok(
            name, f"{name} is verified ({'MATCHED' if value == MATCHED else 'the value that was sent'})."
        )
    else:
        ledger.warning(name, f"{name} is verified, with another value than was sent.")


def _suffix(name: str) -> str:
    """Return a claim's name as the System Log spells it: ``GIVENNAME``."""
    return name.rpartition(".")[2].replace("_", "").upper()
