"""The demo's home page: the workforce's story in steps, and the routing rule that leads to the factor."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import urllib3
from flask import Flask, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.sandbox.relying_party_settings import DemoSettings

_POOL = urllib3.PoolManager(timeout=urllib3.Timeout(3), retries=False)


@dataclass(frozen=True, slots=True)
class AtOkta:
    """What Okta knows of somebody at this moment."""

    id: str
    login: str
    name: str
    status: str
    registered: bool
    in_group: bool


class OktaAway(Exception):
    """The local Okta does not answer, or not as it should."""


def init_app(app: Flask, settings: DemoSettings, form: Callable[[], ResponseReturnValue]) -> None:
    """Add the home page and the routing; without a local Okta the home page is the sign-in's form."""

    @app.get("/")
    def home() -> ResponseReturnValue:
        """Tell the story, with how far it is."""
        if not settings.okta:
            return form()
        try:
            person = look_up(settings, settings.newcomer)
        except OktaAway:
            person = None
        return render_template("demo/story.html", person=person)

    @app.get("/okta-sign-in")
    def route() -> ResponseReturnValue:
        """Do what Okta does after the password: send those to the factor whose attribute is true."""
        login = "".join(filter(str.isprintable, request.args.get("login", ""))).strip() or settings.newcomer
        factor = url_for("start", login_hint=login, client=settings.clients[0].key)
        try:
            person = look_up(settings, login)
        except OktaAway:
            return render_template("demo/routed.html", person=None, login=login, factor=factor), 502
        if person is not None and person.status == "ACTIVE" and person.registered:
            return redirect(factor, 303)
        return render_template("demo/routed.html", person=person, login=login, factor=factor)


def look_up(settings: DemoSettings, login: str) -> AtOkta | None:
    """Return what Okta knows of a login, or None; raises :class:`OktaAway`."""
    user = _get(settings, f"/api/v1/users/{quote(login, safe='')}")
    if user is None:
        return None
    groups = _get(settings, f"/api/v1/users/{user['id']}/groups") or []
    profile = user["profile"]
    return AtOkta(
        user["id"],
        profile["login"],
        f"{profile['firstName']} {profile['lastName']}",
        user["status"],
        profile.get(settings.okta_attribute) is True,
        any(group["profile"]["name"] == settings.okta_group for group in groups),
    )


def _get(settings: DemoSettings, path: str) -> Any:
    headers = {"Authorization": f"SSWS {settings.okta_token}", "Accept": "application/json"}
    try:
        answer = _POOL.request("GET", settings.okta + path, headers=headers, redirect=False)
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise OktaAway(str(answer.status))
        return answer.json()
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        raise OktaAway(str(error)) from error
