"""A little of Okta's management API on loopback, for tests: as much as the portal calls, and bad days too.

It shares nothing with the portal, not even constants or the clock: what it answers is written down from
Okta's documentation.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from werkzeug.wrappers import Request, Response

from tests.support.web_server import listening, serving

TOKEN = "ssws-token-of-the-tests-0123456789"
ATTRIBUTE = "byndidRegistered"
READ_ONLY_BOOLEAN = {
    "title": "Registered",
    "type": "boolean",
    "permissions": [{"principal": "SELF", "action": "READ_ONLY"}],
    "master": {"type": "OKTA"},
}
_SUMMARIES = {400: "E0000001", 401: "E0000011", 403: "E0000006", 404: "E0000007", 429: "E0000047"}


@dataclass
class SmallOkta:
    """The organisation's state, and how it behaves; a test changes both as it likes."""

    origin: str = ""
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    members: dict[str, list[str]] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    schema: dict[str, Any] = field(default_factory=lambda: {ATTRIBUTE: dict(READ_ONLY_BOOLEAN)})
    #: Every request as (method, path), in order; and every profile that was written.
    calls: list[tuple[str, str]] = field(default_factory=list)
    queries: list[dict[str, str]] = field(default_factory=list)
    writes: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)
    #: Called before a profile is written, and after it, before the answer.
    before_write: Callable[[str], None] | None = None
    #: Called before a page of a list is answered.
    before_list: Callable[[], None] | None = None
    after_write: Callable[[str], None] | None = None
    #: Answered instead of anything else: (status, document, headers), each once, in order.
    instead: list[tuple[int, Any, dict[str, str]]] = field(default_factory=list)
    #: Put on every answer.
    headers: dict[str, str] = field(default_factory=dict)
    down: bool = False
    page_size: int = 1000
    #: The last page of every list names the first as the next one.
    goes_round: bool = False
    #: Of the service app: its public keys, granted scopes, and the access tokens that are good.
    app_keys: KeySet | None = None
    granted: set[str] = field(default_factory=set)
    tokens: dict[str, set[str]] = field(default_factory=dict)
    token_requests: list[dict[str, str]] = field(default_factory=list)
    token_lifetime: int = 3600
    lock: threading.Lock = field(default_factory=threading.Lock)

    def person(self, okta_id: str, login: str = "", **profile: Any) -> None:
        """Add somebody."""
        login = login or f"{okta_id}@acme.example"
        self.users[okta_id] = {"id": okta_id, "status": "ACTIVE", "profile": {"login": login, **profile}}

    def value(self, okta_id: str, name: str = ATTRIBUTE) -> Any:
        """Return what somebody's profile holds."""
        return self.users[okta_id]["profile"].get(name)

    def __call__(self, environ: Any, start: Any) -> Any:
        """Answer one request."""
        request = Request(environ)
        response = self._answer(request)
        response.headers.setdefault("Date", formatdate(_now(), usegmt=True))
        for name, value in self.headers.items():
            response.headers.setdefault(name, value)
        return response(environ, start)

    def _answer(self, request: Request) -> Response:
        with self.lock:
            self.calls.append((request.method, request.path))
            self.queries.append(request.args.to_dict())
            if self.down:
                return Response("gone fishing", 503)
            if self.instead:
                status, document, headers = self.instead.pop(0)
                return _json(document, status, headers)
        if request.path == "/oauth2/v1/token":
            return self._token(request)
        self.authorizations.append(request.headers.get("Authorization", ""))
        refused = self._authorize(request)
        if refused is not None:
            return refused
        for method, pattern, action in _ROUTES:
            found = re.fullmatch(pattern, request.path)
            if found and method == request.method:
                return action(self, request, *found.groups())
        return error(405, "E0000022")

    def _authorize(self, request: Request) -> Response | None:
        kind, _, secret = request.headers.get("Authorization", "").partition(" ")
        if kind == "SSWS" and secret == TOKEN:
            return None
        if kind != "Bearer" or secret not in self.tokens:
            return error(401)
        area = next(name for name in ("schemas", "logs", "groups", "users") if f"/{name}" in request.path)
        if area == "users" and "/groups/" in request.path:
            area = "groups"
        wanted = {f"okta.{area}.manage"} | ({f"okta.{area}.read"} if request.method == "GET" else set())
        return None if self.tokens[secret] & wanted else error(403)

    def _token(self, request: Request) -> Response:
        form = request.form.to_dict()
        self.token_requests.append(form)
        try:
            claims = jwt.decode(form["client_assertion"], self.app_keys, ["RS256", "ES256"]).claims
        except (JoseError, KeyError, ValueError):
            return _json({"error": "invalid_client"}, 401)
        if claims["aud"] != f"{self.origin}/oauth2/v1/token" or claims["exp"] - claims["iat"] > 3600:
            return _json({"error": "invalid_client"}, 401)
        scopes = set(form["scope"].split())
        if not scopes <= self.granted:
            return _json({"error": "invalid_scope"}, 400)
        token = f"access-{len(self.token_requests)}"
        self.tokens[token] = scopes
        lifetime = self.token_lifetime
        return _json({"access_token": token, "token_type": "Bearer", "expires_in": lifetime})

    def _user(self, request: Request, name: str) -> Response:
        found = self.users.get(name) or next(
            (user for user in self.users.values() if user["profile"]["login"] == name), None
        )
        return _json(found) if found else error(404)

    def _update(self, request: Request, okta_id: str) -> Response:
        profile = request.get_json()["profile"]
        if self.before_write:
            self.before_write(okta_id)
        with self.lock:
            if okta_id not in self.users:
                return error(404)
            if self.users[okta_id]["status"] == "DEPROVISIONED":
                return error(403, "E0000038")
            if unknown := set(profile) - set(self.schema) - {"login"}:
                return error(400, "E0000001", str(unknown))
            self.users[okta_id]["profile"].update(profile)
            self.writes.append((okta_id, profile))
        if self.after_write:
            self.after_write(okta_id)
        return _json(self.users[okta_id])

    def _list(self, request: Request, items: list[Any]) -> Response:
        if self.before_list:
            self.before_list()
        start = int(request.args.get("after", "0").removeprefix("c"))
        size = min(int(request.args.get("limit", "200")), self.page_size)
        page, more = items[start : start + size], len(items) > start + size
        response = _json(page)
        response.headers.add("Link", f'<{self.origin}{request.path}?limit={size}>; rel="self"')
        if more or self.goes_round:
            following = start + size if more else 0
            # Another host on purpose: only the cursor may be taken from here.
            target = f"https://elsewhere.invalid{request.path}?after=c{following}&limit={size}"
            response.headers.add("Link", f'<{target}>; rel="next"')
        return response

    def _users(self, request: Request) -> Response:
        found = list(self.users.values())
        if search := request.args.get("search"):
            wanted = re.fullmatch(r'profile\.login eq "(.*)"', search)[1]
            found = [user for user in found if user["profile"]["login"] == wanted]
        return self._list(request, found)

    def _groups(self, request: Request) -> Response:
        found = list(self.groups.values())
        if search := request.args.get("search"):
            wanted = re.fullmatch(r'profile\.name eq "(.*)"', search)[1]
            found = [group for group in found if group["profile"]["name"] == wanted]
        return self._list(request, found)

    def _group(self, request: Request, group_id: str) -> Response:
        return _json(self.groups[group_id]) if group_id in self.groups else error(404)

    def _members(self, request: Request, group_id: str) -> Response:
        if group_id not in self.groups:
            return error(404)
        return self._list(request, [self.users[each] for each in self.members.get(group_id, [])])

    def _log(self, request: Request) -> Response:
        return self._list(request, self.events)

    def _read_schema(self, request: Request) -> Response:
        return _json({"definitions": {"base": {}, "custom": {"id": "#custom", "properties": self.schema}}})

    def _write_schema(self, request: Request) -> Response:
        self.schema.update(request.get_json()["definitions"]["custom"]["properties"])
        return self._read_schema(request)


_ROUTES: list[tuple[str, str, Any]] = [
    ("GET", r"/api/v1/users", SmallOkta._users),
    ("GET", r"/api/v1/users/([^/]+)", SmallOkta._user),
    ("POST", r"/api/v1/users/([^/]+)", SmallOkta._update),
    ("GET", r"/api/v1/groups", SmallOkta._groups),
    ("GET", r"/api/v1/groups/([^/]+)", SmallOkta._group),
    ("GET", r"/api/v1/groups/([^/]+)/users", SmallOkta._members),
    ("GET", r"/api/v1/logs", SmallOkta._log),
    ("GET", r"/api/v1/meta/schemas/user/default", SmallOkta._read_schema),
    ("POST", r"/api/v1/meta/schemas/user/default", SmallOkta._write_schema),
]


def error(status: int, code: str | None = None, summary: str = "no") -> Response:
    """Return an error as Okta writes one."""
    code = code or _SUMMARIES[status]
    document = {
        "errorCode": code,
        "errorSummary": summary,
        "errorLink": code,
        "errorId": "oae",
        "errorCauses": [],
    }
    return _json(document, status)


def refusal(status: int, code: str) -> tuple[int, Any, dict[str, str]]:
    """Return what makes :attr:`SmallOkta.instead` answer with an error."""
    return status, {"errorCode": code, "errorSummary": "no", "errorCauses": []}, {}


def rate_limited(seconds: int = 30, *, limit: int = 600) -> tuple[int, Any, dict[str, str]]:
    """Return what makes :attr:`SmallOkta.instead` answer that a limit is used up."""
    reset = str(int(_now()) + seconds)
    headers = {"X-Rate-Limit-Limit": str(limit), "X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": reset}
    return 429, {"errorCode": "E0000047", "errorSummary": "no"}, headers


def _now() -> float:
    return time.time()  # noqa: TID251 - Okta's clock is its own


def _json(document: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(document), status, headers or {}, mimetype="application/json")


@contextmanager
def small_okta() -> Iterator[SmallOkta]:
    """Serve a new organisation on a loopback port."""
    with listening() as (listener, origin):
        okta = SmallOkta(origin=origin)
        with serving(okta, listener):
            yield okta
