"""Who may come in, and what they bring: the token, and a body that is JSON and nothing else."""

import json
import logging
import unicodedata
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import request
from scim2_models import InvalidSyntaxException, InvalidValueException, UnauthorizedException
from werkzeug.exceptions import RequestEntityTooLarge

from portal.extensions import db
from portal.models import ScimToken
from portal.scim import tokens

_log = logging.getLogger(__name__)

_NO_LIMIT = float("inf")
_DEEPEST = 12
_LONGEST_TEXT = 65_536
_LINE_BREAKS = "\t\n\r"


def admitted(view: Callable[..., Any]) -> Callable[..., Any]:
    """Let ``view`` be called only with a good token.

    Around the view and not before the request, so that the limit on guessing sees the refusal.
    """

    @wraps(view)
    def guarded(*arguments: Any, **values: Any) -> Any:
        caller = _proven()
        if tokens.note_use(caller):
            # At once: the row must not stay locked for as long as the request takes.
            db.session.commit()
        return view(*arguments, **values)

    return guarded


def _proven() -> ScimToken:
    caller = _named_in(request.headers.get("Authorization", ""))
    if caller is None:
        _log.warning("scim token refused")
        raise UnauthorizedException(
            detail="The token is missing or wrong. Send it as Authorization: Bearer; "
            "`flask scim token add` makes one."
        )
    if tokens.has_expired(caller):
        _log.warning("scim token has expired", extra={"named": caller.name})
        raise UnauthorizedException(
            detail="This token has expired. Make another with `flask scim token add` and enter it in Okta."
        )
    return caller


def _named_in(header: str) -> ScimToken | None:
    """Return the token in an ``Authorization`` header: Bearer, Basic, or (Okta's "header auth") alone."""
    if header and " " not in header.strip():
        return tokens.proven_by(header.strip())
    given = request.authorization
    if given is None:
        return None
    if given.type == "bearer" and given.token:
        return tokens.proven_by(given.token)
    if given.type == "basic" and given.username and given.password:
        return tokens.proven_by(given.password, name=given.username)
    return None


def body(most_bytes: int | None = None) -> dict[str, Any]:
    """Return the JSON object in the body, whatever its content type says.

    ``most_bytes`` takes the place of the usual limit. Raises 413, or SCIM's ``invalidSyntax`` and
    ``invalidValue`` for what no text in a database could hold.
    """
    if most_bytes is not None:
        request.max_content_length = most_bytes
    raw = request.get_data(cache=False)
    if request.content_length is None and len(raw) >= (request.max_content_length or _NO_LIMIT):
        # A body in chunks does not say how long it is, and is cut off without a word.
        raise RequestEntityTooLarge
    if not raw.strip():
        raise InvalidSyntaxException(detail="The body is empty; it should hold a JSON object.")
    try:
        found = json.loads(
            raw.decode("utf-8-sig"), object_pairs_hook=_without_duplicates, parse_constant=_no_constant
        )
    except (ValueError, RecursionError) as error:
        if isinstance(error, _Duplicate):
            raise InvalidSyntaxException(detail=str(error)) from error
        raise InvalidSyntaxException(detail="The body is not valid JSON in UTF-8.") from error
    if not isinstance(found, dict):
        raise InvalidSyntaxException(detail="The body is JSON, but not an object.")
    _check(found)
    return found


class _Duplicate(ValueError):
    pass


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object that names an attribute twice, also in other capitals (RFC 7643 section 2.1)."""
    if len({name.lower() for name, _ in pairs}) != len(pairs):
        raise _Duplicate("An object in the body names an attribute twice.")
    return dict(pairs)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _check(found: Any) -> None:
    """Refuse depth and texts that nothing in SCIM needs. A loop, because depth is what is being checked."""
    waiting = [(found, 1)]
    while waiting:
        value, depth = waiting.pop()
        if depth > _DEEPEST:
            raise InvalidSyntaxException(detail=f"The body nests more than {_DEEPEST} levels.")
        if isinstance(value, dict):
            waiting += [(item, depth + 1) for item in value.values()]
            waiting += [(name, depth) for name in value]
        elif isinstance(value, list):
            waiting += [(item, depth + 1) for item in value]
        elif isinstance(value, str) and not is_text(value):
            raise InvalidValueException(
                detail=f"A text has more than {_LONGEST_TEXT} characters, a control character in it, "
                "or half of one."
            )


def is_text(value: str) -> bool:
    """Say whether ``value`` is text that a database can hold: no control characters, no lone surrogates."""
    if value.isascii() and value.isprintable() and len(value) <= _LONGEST_TEXT:
        return True
    return len(value) <= _LONGEST_TEXT and not any(
        unicodedata.category(letter) in ("Cc", "Cs") and letter not in _LINE_BREAKS for letter in value
    )
