"""Who calls Okta's API: SSWS and bearer tokens, scopes, rate limits, and days when nothing works."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response, g, request

from portal import clock, credentials
from portal.sandbox.okta import journal, switches
from portal.sandbox.okta.answers import CODES, OktaError
from portal.sandbox.okta.store import Records, Store

_WINDOW = 60.0
#: A service app may use this share of an endpoint's rate limit: Okta's default for new apps.
_APP_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Caller:
    """A program at the API. ``scopes`` is None for an SSWS token, which may do what its maker may."""

    name: str
    scopes: frozenset[str] | None

    @property
    def actor(self) -> dict[str, Any]:
        """The caller as the System Log names it."""
        return journal.caller(self.name)


@dataclass(frozen=True, slots=True)
class RateLimit:
    """What the ``X-Rate-Limit-*`` headers say."""

    limit: int
    remaining: int
    reset: int

    @property
    def headers(self) -> dict[str, str]:
        """The three headers."""
        return {
            "X-Rate-Limit-Limit": str(self.limit),
            "X-Rate-Limit-Remaining": str(self.remaining),
            "X-Rate-Limit-Reset": str(self.reset),
        }


def admit(store: Store, bucket: str, scope: str) -> Caller:
    """Let a call in, or raise :class:`OktaError`; slow and broken days are had here too.

    ``bucket`` names the endpoint whose rate limit is used up; ``scope`` is what a bearer token needs,
    where ``….manage`` includes ``….read``.
    """
    with store.transaction() as records:
        setting = switches.current(records)
        fault = _take_fault(records)
    if setting.api_slow_seconds:
        clock.sleep(setting.api_slow_seconds)
    _have_a_bad_day(setting, fault)
    with store.transaction() as records:
        caller = _caller(records)
        g.rate_limit = _count(records, f"{caller.name} {bucket}", _share(setting.api_limit, caller))
    _refuse_missing_scope(caller, scope)
    return caller


def finish(response: Response) -> Response:
    """Add the rate limit's headers to an answer of the API."""
    rate: RateLimit | None = g.get("rate_limit")
    if rate is not None:
        for name, value in rate.headers.items():
            response.headers.setdefault(name, value)
    response.headers.setdefault("X-Okta-Request-Id", credentials.random_token("", 128))
    return response


def order_fault(records: Records, method: str, path: str, times: int, document: Mapping[str, Any]) -> None:
    """Have the next ``times`` calls of ``method`` (``*``: any) under ``path`` fail as ``document`` says."""
    records.run(
        "INSERT INTO faults (method, path, remaining, document) VALUES (?, ?, ?, ?)",
        (method, path, times, json.dumps(document)),
    )


def _take_fault(records: Records) -> dict[str, Any] | None:
    row = records.one(
        "SELECT id, document FROM faults WHERE method IN ('*', ?1) AND substr(?2, 1, length(path)) = path"
        " AND remaining > 0 ORDER BY id",
        request.method, request.path,
    )  # fmt: skip
    if row is None:
        return None
    records.run("UPDATE faults SET remaining = remaining - 1 WHERE id = ?", (row["id"],))
    document: dict[str, Any] = json.loads(row["document"])
    return document


class PlainFailure(Exception):
    """An answer that does not come from Okta's API but from what stands before it: a status and a page."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


def _have_a_bad_day(setting: switches.Switches, fault: dict[str, Any] | None) -> None:
    if setting.api_down:
        raise PlainFailure(503)
    reset = clock.epoch() + int(_WINDOW)
    if setting.api_crowded:
        raise OktaError("E0000047", headers=RateLimit(0, 0, reset).headers)
    if setting.api_storm:
        raise OktaError("E0000047", headers=RateLimit(setting.api_limit, 0, reset).headers)
    if setting.profile_mastered_elsewhere and request.method in {"POST", "PUT"} and _is_profile(request.path):
        raise OktaError("E0000023")
    if fault is not None:
        if (delay := fault.get("delay", 0)) > 0:
            clock.sleep(delay)
        if (code := fault.get("code")) in CODES:
            raise OktaError(code, fault.get("about", ""))
        if fault.get("status", 0) >= 400:
            raise PlainFailure(fault["status"])


def _is_profile(path: str) -> bool:
    return path.startswith("/api/v1/users/") and path.count("/") == 4


def _caller(records: Records) -> Caller:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    digest = credentials.digest(token.strip())
    if scheme.lower() == "ssws":
        row = records.one("SELECT name FROM api_tokens WHERE digest = ?", digest)
        if row is not None:
            return Caller(row["name"], None)
    if scheme.lower() == "bearer":
        row = records.one(
            "SELECT client_id, scopes FROM access_tokens WHERE digest = ? AND expires > ?"
            " AND user_id IS NULL",
            digest, clock.now().timestamp(),
        )  # fmt: skip
        if row is not None:
            return Caller(row["client_id"], frozenset(row["scopes"].split()))
        said = 'error="invalid_token", error_description="The access token is invalid."'
        raise OktaError("E0000011", headers={"WWW-Authenticate": f"{_challenge()}, {said}"})
    raise OktaError("E0000011")


def _challenge(scope: str = "") -> str:
    origin = request.host_url.rstrip("/")
    return f'Bearer authorization_uri="{origin}/oauth2/v1/authorize", realm="{origin}", scope="{scope}"'


def _refuse_missing_scope(caller: Caller, scope: str) -> None:
    enough = {scope, scope.replace(".read", ".manage")}
    if caller.scopes is not None and not caller.scopes & enough:
        said = "The access token provided does not contain the required scopes."
        header = f'{_challenge(scope)}, error="insufficient_scope", error_description="{said}"'
        raise OktaError("E0000006", headers={"WWW-Authenticate": header})


def _share(limit: int, caller: Caller) -> int:
    return limit if caller.scopes is None else math.ceil(limit * _APP_SHARE)


def _count(records: Records, bucket: str, limit: int) -> RateLimit:
    """Use up one call of a bucket's minute; raises :class:`OktaError` with E0000047 when none is left."""
    now = clock.now().timestamp()
    row = records.one("SELECT ends, used FROM windows WHERE bucket = ?", bucket)
    ends, used = (
        (row["ends"], row["used"]) if row and now < row["ends"] <= now + _WINDOW else (now + _WINDOW, 0)
    )
    rate = RateLimit(limit, max(0, limit - used - 1), math.ceil(ends))
    if used >= limit:
        raise OktaError("E0000047", headers=rate.headers)
    records.run(
        "INSERT INTO windows VALUES (?, ?, ?)"
        " ON CONFLICT (bucket) DO UPDATE SET ends = excluded.ends, used = excluded.used",
        (bucket, ends, used + 1),
    )
    return rate
