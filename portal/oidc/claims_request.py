"""The ``claims`` parameter (OpenID Connect Core 5.5): read strictly, kept small."""

import json
from typing import Any

#: Claims that may be asked for one by one; others are ignored, as the specification wants.
REQUESTABLE = ("email", "given_name", "family_name", "preferred_username", "auth_time", "acr", "sub")
_DEEPEST = 12
_PLACES = ("id_token", "userinfo")


class ClaimsUnreadable(Exception):
    """The parameter is not JSON, not an object of objects, or nested too deeply."""


def read(text: str) -> dict[str, dict[str, Any]]:
    """Return ``{"id_token": {…}, "userinfo": {…}}`` with the requestable claims only.

    Each value is ``None`` or an object with ``essential``, ``value`` or ``values``. Raises
    :class:`ClaimsUnreadable`.
    """
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise ClaimsUnreadable from None
    if not isinstance(document, dict) or _is_deeper_than(_DEEPEST, document):
        raise ClaimsUnreadable
    return {place: _requests(document[place]) for place in _PLACES if document.get(place) is not None}


def asked(claims: dict[str, dict[str, Any]], place: str) -> set[str]:
    """Return the names of the claims asked for in ``place`` (``id_token`` or ``userinfo``)."""
    return set(claims.get(place, {}))


def demanded_subject(claims: dict[str, dict[str, Any]]) -> str | None:
    """Return the ``sub`` that the ID token must have if the client demands one (OIDC Core 5.5.1)."""
    request = claims.get("id_token", {}).get("sub") or {}
    value = request.get("value")
    return value if isinstance(value, str) else None


def demanded_acr(claims: dict[str, dict[str, Any]]) -> list[Any]:
    """Return the ``acr`` values of which the ID token must have one; empty where that is not essential."""
    request = claims.get("id_token", {}).get("acr") or {}
    if request.get("essential") is not True:
        return []
    values = request.get("values")
    accepted = list(values) if isinstance(values, list) else []
    return [*accepted, request["value"]] if "value" in request else accepted


def _requests(document: Any) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise ClaimsUnreadable
    wanted = {name: document[name] for name in REQUESTABLE if name in document}
    if any(value is not None and not isinstance(value, dict) for value in wanted.values()):
        raise ClaimsUnreadable
    return wanted


def _is_deeper_than(limit: int, document: Any) -> bool:
    """Look level by level: recursion would end in an error of its own where json's parser just managed."""
    level = [document]
    for _ in range(limit + 1):
        level = [inner for value in level for inner in _inside(value)]
    return bool(level)


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _refuse_constant(_name: str) -> None:
    raise ValueError("NaN and Infinity are not JSON")
