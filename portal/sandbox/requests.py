"""What the sandbox's JSON endpoints share: reading a body, checking a key, saying no."""

import json
from typing import Any

from flask import request

from portal import credentials
from portal.sandbox.configurations import Configuration
from portal.sandbox.store import Records


class Refused(Exception):
    """A request is answered with ``status`` and a JSON object holding one sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


def body() -> dict[str, Any]:
    """Return the request's body, a JSON object; raises :class:`Refused` with 400."""
    try:
        document = json.loads(request.get_data(cache=False))
        # A lone surrogate is valid JSON and cannot be stored or shown.
        json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise Refused(400, "The body is not valid JSON.") from None
    if not isinstance(document, dict):
        raise Refused(400, "The body is not a JSON object.")
    return document


def account(records: Records) -> list[Configuration]:
    """Return the configurations of the caller's account; raises :class:`Refused` with 401 or 403."""
    configurations = records.account(api_key())
    if not configurations:
        raise Refused(401, "The API key is not known.")
    return configurations


def require_account_key(expected: str | None) -> None:
    """Let only the holder of the sandbox's own key through; raises :class:`Refused`."""
    if expected is None:
        raise Refused(403, "This sandbox was started without an account key, so it takes no orders.")
    if not credentials.same(api_key(), expected):
        raise Refused(401, "The account key is wrong.")


def api_key() -> str:
    """Return the key of the ``Authorization: ApiKey …`` header; raises :class:`Refused`."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if not scheme:
        raise Refused(401, "The Authorization header is missing.")
    if scheme.lower() != "apikey":
        raise Refused(403, "This sandbox understands only 'Authorization: ApiKey …'.")
    return key.strip()
