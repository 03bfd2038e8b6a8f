"""Signing in at the local Okta: a page where one says who one is. Nobody is asked for a password."""

import json
import re
import sqlite3
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from portal import clock, credentials
from portal.sandbox.okta import journal, people
from portal.sandbox.okta.store import Records, Store

#: Browsers keep cookies by host, not by port: every application of one machine needs names of its own.
COOKIE = "local-okta-session"
_SESSION = 7_200
_CODE = 300
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_LIST = 50


class SignInRefused(Exception):
    """The request cannot even be answered at the client's address: a page says why."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """An authorization request that may be answered at ``redirect_uri``."""

    client_id: str
    redirect_uri: str
    values: dict[str, str]
    error: tuple[str, str] | None

    def answer(self, **parameters: str) -> Response:
        """Send the browser back with ``parameters`` and ``state``, in the way that was asked for."""
        sent = parameters | ({"state": self.values["state"]} if "state" in self.values else {})
        if self.values.get("response_mode") == "form_post":
            return make_response(
                render_template("local_okta/form_post.html", there=self.redirect_uri, sent=sent)
            )
        join = "&" if "?" in self.redirect_uri else "?"
        return make_response(redirect(f"{self.redirect_uri}{join}{urlencode(sent)}", 302))


def blueprint(store: Store) -> Blueprint:
    """Return the sign-in's routes over ``store``."""
    room = Blueprint("sign_in", __name__)

    @room.get("/oauth2/v1/authorize")
    def authorize() -> ResponseReturnValue:
        """Answer at once for who is signed in here; else ask who it is."""
        with store.transaction() as records:
            asked = _read(records, request.args)
            if asked.error:
                return asked.answer(error=asked.error[0], error_description=asked.error[1])
            session = _session(records)
            if session is not None and _will_do(asked, session):
                return asked.answer(code=_code(records, asked, session["user_id"], session["since"]))
            if asked.values.get("prompt") == "none":
                return asked.answer(
                    error="login_required",
                    error_description="The client specified not to prompt, but the user is not logged in.",
                )
            return _ask(records, asked, asked.values.get("login_hint", ""))

    @room.post("/oauth2/v1/authorize")
    def choose() -> ResponseReturnValue:
        """Take who somebody says they are, sign them in here, and answer."""
        with store.transaction() as records:
            asked = _read(records, request.args)
            if asked.error:
                return asked.answer(error=asked.error[0], error_description=asked.error[1])
            if request.form.get("leave"):
                return asked.answer(
                    error="access_denied", error_description="User is not assigned to the client application."
                )
            login = request.form.get("other", "").strip() or request.form.get("login", "").strip()
            row = records.one("SELECT * FROM users WHERE login = ? OR id = ?", login.casefold(), login)
            if row is None or row["status"] != "ACTIVE":
                return _ask(records, asked, login, refused=True), 403
            return _signed_in(records, asked, row)

    @room.route("/login/signout", methods=["GET", "POST"])
    def sign_out() -> ResponseReturnValue:
        """End the session here."""
        with store.transaction() as records:
            records.run("DELETE FROM sessions WHERE digest = ?", (_digest(),))
        answer = make_response(
            render_template(
                "local_okta/message.html",
                title="Signed out",
                sentence="The local Okta asks again who you are at the next sign-in.",
            )
        )
        answer.delete_cookie(COOKIE, path="/")
        return answer

    return room


def _read(records: Records, given: MultiDict[str, str]) -> _Asked:
    """Return the request; raises :class:`SignInRefused` where nobody can be answered."""
    values = {name: value for name, value in given.items() if value}
    row = records.one(
        "SELECT document FROM clients WHERE id = ? AND kind = 'sign-in'", values.get("client_id", "")
    )
    if row is None:
        raise SignInRefused("The client_id is not one that the local Okta knows.")
    there = values.get("redirect_uri", "")
    if there not in json.loads(row["document"])["redirect_uris"]:
        raise SignInRefused(
            "The 'redirect_uri' parameter must be a Login redirect URI in the client app settings."
        )
    return _Asked(values["client_id"], there, values, _wrong(given, values))


def _wrong(given: MultiDict[str, str], values: dict[str, str]) -> tuple[str, str] | None:
    if any(len(given.getlist(name)) > 1 for name in given):
        return "invalid_request", "A parameter is given more than once."
    if values.get("response_type") != "code":
        return "unsupported_response_type", "The response type is not supported by the authorization server."
    if "openid" not in values.get("scope", "").split():
        return "invalid_scope", "The scope openid is needed."
    if not values.get("state"):
        return "invalid_request", "The authentication request has an invalid 'state' parameter."
    challenge = values.get("code_challenge")
    if challenge is not None and values.get("code_challenge_method") != "S256":
        return "invalid_request", "code_challenge_method must be S256."
    if challenge is not None and not _CHALLENGE.fullmatch(challenge):
        return "invalid_request", "The code_challenge is malformed."
    return None


def _digest() -> str:
    return credentials.digest(request.cookies.get(COOKIE, ""))


def _session(records: Records) -> sqlite3.Row | None:
    return records.one(
        "SELECT sessions.* FROM sessions JOIN users ON users.id = user_id"
        " WHERE digest = ? AND expires > ? AND status = 'ACTIVE'",
        _digest(), clock.now().timestamp(),
    )  # fmt: skip


def _will_do(asked: _Asked, session: sqlite3.Row) -> bool:
    prompt, age = asked.values.get("prompt"), asked.values.get("max_age", "")
    too_old = age.isascii() and age.isdigit() and clock.now().timestamp() - session["since"] > int(age[:9])
    return prompt != "login" and not too_old


def _ask(records: Records, asked: _Asked, login: str, *, refused: bool = False) -> str:
    rows = records.all("SELECT * FROM users WHERE status <> 'DEPROVISIONED' ORDER BY login LIMIT ?", _LIST)
    known = [{"login": row["login"], "status": row["status"], **people.target(row)} for row in rows]
    hint = login.casefold()
    listed = any(hint in (person["login"], person["id"].casefold()) for person in known)
    return render_template(
        "local_okta/sign_in.html",
        people=known,
        login=hint,
        listed=listed,
        refused=refused,
        client_id=asked.client_id,
    )


def _signed_in(records: Records, asked: _Asked, row: sqlite3.Row) -> Response:
    now = clock.now().timestamp()
    secret = credentials.random_token("")
    records.run(
        "INSERT INTO sessions VALUES (?, ?, ?, ?)",
        (credentials.digest(secret), row["id"], now, now + _SESSION),
    )
    journal.write(records, "user.session.start", [people.target(row)], actor=people.target(row))
    answer = asked.answer(code=_code(records, asked, row["id"], now))
    answer.set_cookie(COOKIE, secret, httponly=True, samesite="Lax", path="/", max_age=_SESSION)
    return answer


def _code(records: Records, asked: _Asked, user_id: str, auth_time: float) -> str:
    code = credentials.random_token("")
    document: dict[str, Any] = {
        "client_id": asked.client_id, "redirect_uri": asked.redirect_uri, "user_id": user_id,
        "auth_time": auth_time, "nonce": asked.values.get("nonce"), "scopes": asked.values["scope"].split(),
        "code_challenge": asked.values.get("code_challenge"),
    }  # fmt: skip
    records.run(
        "INSERT INTO codes VALUES (?, ?, ?)",
        (credentials.digest(code), json.dumps(document), clock.now().timestamp() + _CODE),
    )
    return code
