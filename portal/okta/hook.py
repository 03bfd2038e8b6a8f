"""The event hook: Okta tells, the portal keeps and says so at once; a worker does the rest.

Okta waits three seconds and tries once more at most, and only after a 5xx or no answer
(https://developer.okta.com/docs/concepts/event-hooks/). So nothing is done here but keeping, and what goes
wrong on our side is a 5xx.
"""

from flask import jsonify, request
from werkzeug.wrappers import Response

from portal.audit.events import Event
from portal.audit.log import record
from portal.connections import hook_secrets
from portal.extensions import db, settings
from portal.okta import events_reading, keeping
from portal.users import details

_CHALLENGE = "x-okta-verification-challenge"
_LONGEST_CHALLENGE = 1024


def hook() -> tuple[Response, int]:
    """Take what Okta sends, if it knows a secret of ours.

    The one-time verification needs the secret too: Okta sends it in every request to a hook, and whoever does
    not know it learns nothing.
    """
    request.max_content_length = settings().okta_events_max_bytes
    if not hook_secrets.is_known(request.headers.get("Authorization", "")):
        return _refuse("secret", 401)
    return _receive() if request.method == "POST" else _verify()


def _verify() -> tuple[Response, int]:
    """Answer the verification with the challenge that came."""
    challenge = request.headers.get(_CHALLENGE, "")
    if not challenge.isascii() or not details.is_plain(challenge, _LONGEST_CHALLENGE):
        return _refuse("challenge", 400)
    db.session.commit()
    return jsonify({"verification": challenge}), 200


def _receive() -> tuple[Response, int]:
    """Keep the events in the body, each once, and acknowledge them."""
    try:
        found, unreadable = events_reading.body(request.get_data())
    except events_reading.Unreadable:
        return _refuse("body", 400)
    if unreadable:
        record(Event.OKTA_EVENTS_UNREADABLE, source=keeping.HOOK, count=unreadable)
    keeping.keep(found, keeping.HOOK)
    db.session.commit()
    return Response(status=204), 204


def _refuse(reason: str, status: int) -> tuple[Response, int]:
    record(Event.OKTA_HOOK_REFUSED, reason=reason)
    db.session.commit()
    return jsonify({"error": "refused"}), status
