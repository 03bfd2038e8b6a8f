"""The limit on wrong secrets: whoever guesses is slowed down, and whoever knows is never kept waiting.

An address is no person here. All of Okta's customers call from the same addresses, so a stranger there could
use up what an address may get wrong; if that closed the door to right secrets too, it would lock out honest
clients. Secrets have 128 bits and more: the limit makes guessing seen and slow, and protects no weak secret.
"""

import logging

from flask import Flask, Response, current_app, request

from portal.counters import refusal
from portal.extensions import counted_address, counts, settings

log = logging.getLogger(__name__)

_SETTING = "rate_limit_secret_failures"
_GUARDED = "portal.wrong_secrets"
_PLACE = "wrong-secrets"


def init_app(app: Flask) -> None:
    """Register the limit, after the headers of every response: a refusal of ours has them too."""
    app.after_request(_refuse_what_is_too_much)


def limit_wrong_secrets(app: Flask, endpoint: str) -> None:
    """Let an address bring so many wrong secrets to ``endpoint`` as the settings say.

    They are counted together with those it brought elsewhere in the portal. A 401 beyond them becomes a 429
    with ``Retry-After`` (RFC 6585 section 4); any other answer stays as it is.
    """
    app.extensions.setdefault(_GUARDED, set()).add(endpoint)
    app.extensions["portal.limits"].setdefault(endpoint, []).append(_SETTING)


def is_exceeded() -> bool:
    """Say whether the caller's address has used up its wrong secrets.

    What it does then is told by the log of requests and the measures, and no longer by the audit log: each
    row there is a durable commit and kept for a year, and a stranger could write thousands a minute.
    """
    counted = counts()
    try:
        return not counted.has_room(getattr(settings(), _SETTING), _PLACE, counted_address())
    except counted.failures:
        return False


def _refuse_what_is_too_much(response: Response) -> Response:
    if response.status_code != 401 or request.endpoint not in current_app.extensions.get(_GUARDED, ()):
        return response
    counted = counts()
    try:
        again = counted.count(getattr(settings(), _SETTING), _PLACE, counted_address())
    except counted.failures as error:
        # The secret was refused; only the count is lost. The other limits fall back to memory by themselves.
        log.warning("wrong secrets are not counted", extra={"kind": type(error).__name__})
        return response
    if again is None:
        return response
    return current_app.make_response(current_app.handle_user_exception(refusal(again)))
