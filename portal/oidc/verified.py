"""``verified_claims`` as they are asked for: read, and kept with the journey.

What was asked is stored as the client wrote it and read again for the verdict (``assurance``), which so rests
on the request alone.
"""

import json
from typing import Any

from portal.idv.requested import OKTA_TRUST_FRAMEWORK, VerifiedClaimsRequest, read_claims
from portal.oidc.clients import ClientView

_PLACES = ("id_token", "userinfo")


def asked_for(claims_text: str) -> tuple[VerifiedClaimsRequest, dict[str, Any]]:
    """Return the ``verified_claims`` in a ``claims`` parameter, read, and the form in which to store them.

    Raises ``ClaimsRefused``.
    """
    requested = read_claims(claims_text)
    document = json.loads(claims_text)
    wanted = {place: document.get(place) or {} for place in _PLACES}
    return requested, {
        place: {"verified_claims": members["verified_claims"]}
        for place, members in wanted.items()
        if "verified_claims" in members
    }


def trust_frameworks(client: ClientView) -> tuple[str, ...]:
    """Return what may be asserted towards the client, Okta's own first."""
    return (OKTA_TRUST_FRAMEWORK, *client.trust_frameworks)
