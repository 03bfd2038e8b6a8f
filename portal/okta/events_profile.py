"""What the directory takes over from an Okta profile, and what a status there means here."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from portal.okta_api.reading import OktaUser
from portal.users import details
from portal.users.okta_facts import Fact, Kind

#: Our clock and Okta's need not agree: what an event says of the minute before a reading outranks it.
CLOCKS_DIFFER = timedelta(minutes=1)

_SUSPENDED, _DEPROVISIONED = "SUSPENDED", "DEPROVISIONED"
#: Okta's names (https://developer.okta.com/docs/api/openapi/okta-management/management/tag/User/) and ours.
_NAMES = {
    "email": "email",
    "firstName": "given_name",
    "middleName": "middle_name",
    "lastName": "family_name",
}
_PHONES = ("primaryPhone", "mobilePhone")
_ADDRESS = {
    "streetAddress": "street_address",
    "city": "locality",
    "state": "region",
    "zipCode": "postal_code",
    "countryCode": "country",
}


def details_of(profile: Mapping[str, Any]) -> dict[str, Any]:
    """Return the details in ``profile`` that the directory can keep, by its own names.

    What Okta does not name, or names as empty, is left out and so stays as it is here: an operator or SCIM
    may know it from elsewhere. A telephone number that is not written internationally is left out as well.
    """
    found: dict[str, Any] = {
        ours: text for theirs, ours in _NAMES.items() if (text := _text(profile.get(theirs)))
    }
    found["phone_number"] = next((text for name in _PHONES if (text := _text(profile.get(name)))), None)
    found["address"] = {
        ours: text for theirs, ours in _ADDRESS.items() if (text := _text(profile.get(theirs)))
    }
    return {name: kept for name, value in found.items() if value and (kept := _kept(name, value))}


def facts_of(person: OktaUser, read_at: datetime) -> list[Fact]:
    """Return what the status of ``person``, read at ``read_at``, says; older than any event since then."""
    return facts_of_status(person.id, person.status, read_at)


def facts_of_status(okta_id: str, status: str, read_at: datetime) -> list[Fact]:
    """Return what ``status`` says about a person; a deactivated one may have been suspended or not."""
    published = read_at - CLOCKS_DIFFER
    facts = [Fact(okta_id, Kind.DEACTIVATED, status == _DEPROVISIONED, published)]
    if status != _DEPROVISIONED:
        facts.append(Fact(okta_id, Kind.SUSPENDED, status == _SUSPENDED, published))
    return facts


def _text(value: Any) -> str | None:
    return value.strip() if isinstance(value, str) and value.strip() else None


def _kept(name: str, value: Any) -> Any:
    try:
        return details.cleaned({name: value})[name]
    except ValueError:
        return None
