"""How Okta's APIs answer: error bodies with their codes, and pages with ``Link`` headers."""

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from flask import Response, jsonify, request

from portal import credentials

#: Okta's codes (its published list, 2026.08.1), with the status and the summary that go with them.
CODES = {
    "E0000001": (400, "Api validation failed: {}"),
    "E0000003": (400, "The request body was not well-formed."),
    "E0000006": (403, "You do not have permission to perform the requested action"),
    "E0000007": (404, "Not found: Resource not found: {}"),
    "E0000009": (500, "Internal Server Error"),
    "E0000011": (401, "Invalid token provided"),
    "E0000016": (403, "Activation failed because the user is already active"),
    "E0000022": (405, "The endpoint does not support the provided HTTP method"),
    "E0000023": (403, "Operation failed because user profile is mastered under another system"),
    "E0000031": (400, "Invalid search criteria."),
    "E0000038": (403, "This operation is not allowed in the user's current status."),
    "E0000047": (429, "API call exceeded rate limit due to too many requests."),
    "E0000053": (400, "Invalid parameter: {}"),
    "E0000075": (
        403,
        "Cannot modify the {} attribute because it has a field mapping and profile push is enabled.",
    ),
}


class OktaError(Exception):
    """A call is answered with one of Okta's errors."""

    def __init__(
        self, code: str, about: str = "", *causes: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(code)
        self.code, self.about, self.causes, self.headers = code, about, causes, headers or {}
        self.status = CODES[code][0]

    def response(self) -> Response:
        """Return the answer, in the shape that all of Okta's errors have."""
        answer = jsonify(
            errorCode=self.code,
            errorSummary=CODES[self.code][1].format(self.about),
            errorLink=self.code,
            errorId="oae" + credentials.random_token("", 128),
            errorCauses=[{"errorSummary": cause} for cause in self.causes],
        )
        answer.status_code = self.status
        answer.headers.extend(self.headers)
        return answer


class OAuthError(Exception):
    """The token endpoint refuses, in OAuth's own shape (RFC 6749, 5.2)."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(error)
        self.error, self.description, self.status = error, description, status

    def response(self) -> Response:
        """Return the answer."""
        answer = jsonify(error=self.error, error_description=self.description)
        answer.status_code = self.status
        answer.headers["Cache-Control"] = "no-store"
        return answer


def body() -> dict[str, Any]:
    """Return the request's body, a JSON object; raises :class:`OktaError` with E0000003."""
    try:
        document = json.loads(request.get_data(cache=False))
        # A lone surrogate is valid JSON and cannot be stored or shown.
        json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise OktaError("E0000003") from None
    if not isinstance(document, dict):
        raise OktaError("E0000003")
    return document


def limit(usual: int, most: int) -> int:
    """Return the page size that was asked for; raises :class:`OktaError` with E0000053 for nonsense."""
    text = request.args.get("limit")
    if text is None:
        return usual
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:9]) <= most:
        raise OktaError("E0000053", "limit")
    return int(text)


def page(items: Sequence[Any], following: str | None) -> Response:
    """Return one page; ``following`` is the cursor of the next, whose URL the ``Link`` header has."""
    answer = jsonify(list(items))
    asked = [(name, value) for name, value in request.args.items(multi=True)]
    answer.headers.add("Link", f'<{_address(asked)}>; rel="self"')
    if following is not None:
        asked = [(name, value) for name, value in asked if name != "after"] + [("after", following)]
        answer.headers.add("Link", f'<{_address(asked)}>; rel="next"')
    return answer


def _address(query: list[tuple[str, str]]) -> str:
    return f"{request.base_url}?{urlencode(query)}" if query else request.base_url
