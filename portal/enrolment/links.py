"""The signed link of an invitation: the same one in every mail, and in an operator's clipboard.

The signature binds it to its purpose (the salt) and to this installation's key; whether the invitation is
still good is asked of its record.
"""

from collections.abc import Mapping
from urllib.parse import urlencode

from flask import current_app
from itsdangerous import BadData, URLSafeSerializer

from portal.extensions import settings
from portal.models import Invitation
from portal.users import invitations

ENDPOINT = "enrolment.enter"
_NEW_LINK = "enrolment.new_link"
_PARAMETER = "link"
_LONGEST = 200


def path_of(invitation: Invitation) -> str:
    """Return the path and query of the invitation's page."""
    return _with_link(ENDPOINT, invitation)


def new_link_path_of(invitation: Invitation) -> str:
    """Return the path and query at which whoever holds the invitation's link asks for a new one."""
    return _with_link(_NEW_LINK, invitation)


def url_of(invitation: Invitation) -> str:
    """Return the whole address, for a mail or for an operator to hand over."""
    return f"{settings().issuer}{path_of(invitation)}"


def read(arguments: Mapping[str, str]) -> Invitation | None:
    """Return the invitation of a link; ``None`` for one that is not ours or whose record is gone."""
    text = arguments.get(_PARAMETER, "")
    if not text or len(text) > _LONGEST or not text.isascii():
        return None
    try:
        invitation_id = _serializer().loads(text)
    except (BadData, ValueError, TypeError):
        return None
    return invitations.find(invitation_id)


def _with_link(endpoint: str, invitation: Invitation) -> str:
    path = current_app.url_map.bind("").build(endpoint)
    return f"{path}?{urlencode({_PARAMETER: _serializer().dumps(invitation.id)})}"


def _serializer() -> URLSafeSerializer:
    return URLSafeSerializer(list(reversed(settings().secret_key)), salt="portal.invitation")
