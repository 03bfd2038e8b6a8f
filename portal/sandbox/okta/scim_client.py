"""The wire of Okta's SCIM client: its headers, its pages, what it makes of an answer."""

import json
from typing import Any
from urllib.parse import urlencode

import urllib3

from portal.sandbox.okta.store import Store, timestamp

#: Okta gives a SCIM server this long, in seconds.
PATIENCE = 60.0
PAGE = 100
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
_PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

Resource = dict[str, Any]


class ScimFailed(Exception):
    """A call did not work. ``again`` is when to try once more (seconds from now), or None for never."""

    def __init__(self, said: str, *, status: int = 0, again: float | None = None) -> None:
        super().__init__(said)
        self.said, self.status, self.again = said, status, again


class ScimClient:
    """One app's connection to its SCIM server; every call is written down in the store."""

    def __init__(
        self, store: Store, pool: urllib3.PoolManager, app_id: str, base_url: str, authorization: str
    ) -> None:
        self._store, self._pool, self._app_id = store, pool, app_id
        self._base, self._authorization = base_url.rstrip("/"), authorization

    def page(
        self, kind: str, start: int, count: int, expression: str | None = None
    ) -> tuple[list[Resource], int]:
        """Return one page of ``Users`` or ``Groups`` and how many there are in all."""
        query = {"filter": expression} if expression else {}
        query |= {"startIndex": str(start), "count": str(count)}
        answer = self._call("GET", f"/{kind}?{urlencode(query)}")
        numbers = [answer.get(name) for name in ("totalResults", "startIndex", "itemsPerPage")]
        # Okta leaves out startIndex and itemsPerPage only where nothing was found.
        if not all(
            isinstance(number, int) for number in (numbers if answer.get("Resources") else numbers[:1])
        ):
            raise ScimFailed("totalResults, startIndex and itemsPerPage must be integers")
        found = answer.get("Resources") or []
        if not isinstance(found, list):
            raise ScimFailed("Resources must be an array")
        return found, int(numbers[0] or 0)

    def find(self, kind: str, attribute: str, value: str) -> Resource | None:
        """Return the resource whose ``attribute`` equals ``value``: with Okta's filter and page."""
        found, _ = self.page(kind, 1, PAGE, f"{attribute} eq {json.dumps(value, ensure_ascii=False)}")
        return found[0] if found else None

    def get(self, kind: str, remote_id: str) -> Resource:
        """Return one resource."""
        return self._call("GET", f"/{kind}/{remote_id}")

    def create(self, kind: str, resource: Resource) -> Resource:
        """POST a resource; an answer without a body is a failure to Okta."""
        answer = self._call("POST", f"/{kind}", resource)
        if not isinstance(answer.get("id"), str):
            raise ScimFailed("the answer to a POST must carry the resource with its id")
        return answer

    def replace(self, kind: str, remote_id: str, resource: Resource) -> Resource:
        """PUT a resource."""
        return self._call("PUT", f"/{kind}/{remote_id}", resource)

    def patch(self, kind: str, remote_id: str, *operations: Resource) -> None:
        """PATCH a resource; 200 with a body and 204 are both right."""
        self._call("PATCH", f"/{kind}/{remote_id}", {"schemas": [_PATCH], "Operations": list(operations)})

    def delete(self, kind: str, remote_id: str) -> None:
        """DELETE a resource: only groups, at unlinking."""
        self._call("DELETE", f"/{kind}/{remote_id}")

    def _call(self, method: str, path: str, document: Resource | None = None) -> Resource:
        headers = {
            "User-Agent": "Okta SCIM Client 1.0.0",
            "Accept": "application/scim+json",
            "Accept-Charset": "utf-8",
            "Authorization": self._authorization,
        }
        if document is not None:
            headers["Content-Type"] = "application/scim+json; charset=utf-8"
        sent = "" if document is None else json.dumps(document, ensure_ascii=False)
        try:
            answer = self._pool.request(
                method, self._base + path, body=sent.encode() or None, headers=headers,
                timeout=PATIENCE, retries=False, redirect=False,
            )  # fmt: skip
        except (urllib3.exceptions.HTTPError, OSError) as error:
            self._note(method, path, 0, sent, type(error).__name__)
            raise ScimFailed(f"no answer: {type(error).__name__}") from error
        self._note(method, path, answer.status, sent, answer.data.decode("utf-8", "replace"))
        return _read(answer)

    def _note(self, method: str, path: str, status: int, sent: str, said: str) -> None:
        with self._store.transaction() as records:
            records.run(
                "INSERT INTO scim_calls (app_id, at, method, path, status, sent, said)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (self._app_id, timestamp(), method, path, status, sent[:4_000], said[:4_000]),
            )
            records.keep_latest("scim_calls")


def _read(answer: urllib3.BaseHTTPResponse) -> Resource:
    if answer.status == 429:
        raise ScimFailed("429: asked to wait", status=429, again=_wait(answer.headers.get("Retry-After")))
    if answer.status >= 400:
        raise ScimFailed(f"status {answer.status}: {_detail(answer)}", status=answer.status)
    if answer.status == 204 or not answer.data:
        return {}
    try:
        document = json.loads(answer.data)
    except ValueError:
        raise ScimFailed("Invalid JSON: Unrecognized token", status=answer.status) from None
    if not isinstance(document, dict):
        raise ScimFailed("the answer is not a JSON object", status=answer.status)
    return document


def _wait(header: str | None) -> float:
    """Return the wait that a 429 asks for: whole seconds only, as Okta reads it; negative means "yours"."""
    return float(header) if header and header.isascii() and header.isdigit() else -1.0


def _detail(answer: urllib3.BaseHTTPResponse) -> str:
    try:
        return str(json.loads(answer.data)["detail"])
    except (ValueError, KeyError, TypeError):
        return "without a SCIM error"
