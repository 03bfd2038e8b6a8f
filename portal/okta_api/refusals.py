"""Okta's error codes as errors with sentences for operators (https://developer.okta.com/docs/reference/error-codes/)."""

from portal.http import Answer
from portal.okta_api import reading
from portal.okta_api.errors import (
    BadCredential,
    MappedAndPushed,
    MasteredElsewhere,
    NotEditable,
    NotFound,
    NotPermitted,
    OktaError,
    OktaRefused,
    OktaUnavailable,
    UnknownAttribute,
)

#: The operation by which attributes are written: E0000001, "validation failed", is about them there alone.
WRITING = "update user"

_BY_CODE: dict[str, tuple[type[OktaError], str]] = {
    "E0000001": (
        UnknownAttribute,
        (
            "Okta does not take the value: its user profile has no such attribute, or one of another type. "
            "`flask okta attribute create` makes it; `flask okta status` shows its name."
        ),
    ),
    "E0000006": (
        NotPermitted,
        (
            "Okta's credential may not do this. Give the service app (or the API token's administrator) an "
            "admin role that may read and edit users and read groups and logs, and grant the scopes that "
            "`flask okta status` names."
        ),
    ),
    "E0000007": (NotFound, "Okta knows nothing under this id."),
    "E0000011": (
        BadCredential,
        (
            "Okta does not accept the credential: the token was revoked or has expired. Connect anew with "
            "`flask okta connect`."
        ),
    ),
    "E0000023": (
        MasteredElsewhere,
        (
            "Okta lets only the profile's source write the attribute. Make Okta the source of this one "
            "attribute (Profile Editor, the attribute, Source priority: Inherit from Okta)."
        ),
    ),
    "E0000038": (
        NotEditable,
        "The person is deactivated in Okta, and deactivated profiles may not be edited there.",
    ),
    "E0000075": (
        MappedAndPushed,
        (
            "An application's mapping owns the attribute in Okta. Take the attribute out of that mapping "
            "(Directory, Profile Editor, Mappings)."
        ),
    ),
}


def of(answer: Answer, operation: str) -> OktaError:
    """Return what ``answer``, which is not a success and not a 429, means for ``operation``."""
    if answer.status >= 500:
        return OktaUnavailable(f"Okta answered {operation} with {answer.status}.")
    code = reading.error_code(answer)
    known = _BY_CODE.get(code or "")
    if known is not None and (known[0] is not UnknownAttribute or operation == WRITING):
        kind, sentence = known
        return kind(sentence)
    if 300 <= answer.status < 400:
        return OktaRefused(
            "Okta sent us elsewhere. Give the organisation's own address, such as https://acme.okta.com, and "
            "not the one of its admin console (acme-admin.okta.com)."
        )
    if (code and answer.status == 403) or "insufficient_scope" in answer.headers.get("www-authenticate", ""):
        kind, sentence = _BY_CODE["E0000006"]
        return kind(sentence)
    if code is None:
        # Each error of Okta's names its code. A proxy's 404 says nothing of a person, nor its 403 of us.
        return OktaUnavailable(
            f"Something answered {operation} with {answer.status}, and not in Okta's words. Is this the "
            "organisation's own address, and does a proxy stand in between?"
        )
    if answer.status == 401:
        kind, sentence = _BY_CODE["E0000011"]
        return kind(sentence)
    if answer.status == 404:
        # E0000008 and its like speak of the address and of nobody.
        return OktaRefused(f"Okta knows nothing at this address ({code}). Is it the organisation's own?")
    return OktaRefused(f"Okta refused {operation} ({code}).")
