"""The requests that the tests of this room share."""

from portal.idv.requested import RequestedEntry, read_claims

_VERIFICATION = {
    "trust_framework": {"value": "IDV-DELEGATED", "essential": True},
    "assurance_level": {"value": "VERIFIED", "essential": True},
}

#: The seed's example, with its placeholders filled in.
SEED = """{"id_token": {"verified_claims": [{
  "verification": {"trust_framework": {"value": "IDV-DELEGATED", "essential": true},
                   "assurance_level": {"value": "VERIFIED", "essential": true}},
  "claims": {"given_name": {"fuzzy": "Dan"}, "family_name": "Jones"}}]}}"""


def _fuzzy(value):
    return {"value": value, "fuzzy": True}


#: Okta's contract of today, with every claim of its list.
TODAY = {
    "id_token": {
        "verified_claims": [
            {
                "verification": _VERIFICATION,
                "claims": {
                    "given_name": _fuzzy("Dan"),
                    "family_name": _fuzzy("Jones"),
                    "middle_name": _fuzzy("R."),
                    "email": _fuzzy("Dan.Jones@EXAMPLE.com"),
                    "birthdate": _fuzzy("1990-02-28"),
                    "phone_number": _fuzzy("+44 20 7946 0958"),
                    "address": {
                        "street_address": _fuzzy("12 Main St."),
                        "locality": _fuzzy("london"),
                        "region": _fuzzy("Greater London"),
                        "postal_code": _fuzzy("sw1a1aa"),
                        "country": _fuzzy("United Kingdom"),
                    },
                },
            }
        ]
    }
}


def place(verified_claims):
    """Return a ``claims`` parameter that asks for ``verified_claims`` in the ID token."""
    return {"id_token": {"verified_claims": verified_claims}}


def requested(verified_claims):
    """Return ``verified_claims`` as the room reads them."""
    return read_claims(place(verified_claims)).id_token


def okta(claims, **verification):
    """Return an Okta request for ``claims``; keywords replace members of ``verification``."""
    return requested([{"verification": {**_VERIFICATION, **verification}, "claims": claims}])


def ida(claims, **verification):
    """Return an Identity Assurance request (one object) for ``claims``."""
    return requested({"verification": {"trust_framework": None, **verification}, "claims": claims})


def entry_of(entry) -> RequestedEntry:
    """Return one entry as it is read; a missing ``verification`` is filled in."""
    (read,) = requested([{"verification": {"trust_framework": None}, **entry}]).entries
    return read
