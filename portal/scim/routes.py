"""Every address of the SCIM server, with its guard and its limits.

What answers is loaded when the first request for it comes: scim2-models and pydantic take 15 MB of memory in
each process and a third of the start, and most requests to the portal, or all of them, are not of this room.
"""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

from flask import Blueprint, Flask, Response
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFProtect

from portal.extensions import limit
from portal.web import errors
from portal.web.errors import Problem
from portal.web.guessing import limit_wrong_secrets

#: Where the server is: version 2.0 of SCIM.
BASE = "/scim/v2"
blueprint = Blueprint("scim", __name__)

_ONE, _MANY = ["GET", "PUT", "PATCH", "DELETE"], ["GET", "POST"]
_OPEN = "config"
#: Path, name, who answers (a module of this room and what is in it), methods.
_ADDRESSES = (
    ("Users", "users", "user_views.Users", _MANY),
    ("Users/.search", "search_users", "user_views.search", ["POST"]),
    ("Users/<user_id>", "user", "user_views.OneUser", _ONE),
    ("Groups", "groups", "group_views.Groups", _MANY),
    ("Groups/.search", "search_groups", "group_views.search", ["POST"]),
    ("Groups/<group_id>", "group", "group_views.OneGroup", _ONE),
    (".search", "search", "group_views.search_everything", ["POST"]),
    ("ResourceTypes", "resource_types", "discovery.resource_types", ["GET"]),
    ("ResourceTypes/<name>", "resource_type", "discovery.resource_type", ["GET"]),
    ("Schemas", "schemas", "discovery.schemas", ["GET"]),
    ("Schemas/<name>", "schema", "discovery.schema", ["GET"]),
    # For anybody.
    ("ServiceProviderConfig", _OPEN, "discovery.config", ["GET"]),
)


def init_app(app: Flask) -> None:
    """Register the addresses; programs bring a token and no cookie, so there is no form to guard."""
    csrf: CSRFProtect = app.extensions["csrf"]
    csrf.exempt(blueprint)
    app.register_blueprint(blueprint)
    errors.dialect(app, "/scim", _in_scims_own_form)
    for _, name, _, _ in _ADDRESSES:
        limit(app, f"scim.{name}", "rate_limit_scim")
        if name != _OPEN:
            limit_wrong_secrets(app, f"scim.{name}")


def _answered_by(name: str, where: str) -> Callable[..., Any]:
    """Return a view that loads what answers, and answers what it raises as a SCIM error."""

    def view(**values: Any) -> ResponseReturnValue:
        scim_errors = import_module("portal.scim.errors")
        try:
            answer: ResponseReturnValue = _loaded(name, where)(**values)
            return answer
        except scim_errors.ANSWERED as error:
            refusal: Response = scim_errors.answer(error)
            return refusal

    return view


@cache
def _loaded(name: str, where: str) -> Callable[..., Any]:
    module, what = where.split(".")
    found = getattr(import_module(f"portal.scim.{module}"), what)
    view: Callable[..., Any] = found.as_view(name) if hasattr(found, "as_view") else found
    guarded: Callable[..., Any] = import_module("portal.scim.entrance").admitted(view)
    return view if name == _OPEN else guarded


def _in_scims_own_form(problem: Problem) -> ResponseReturnValue:
    answer: ResponseReturnValue = import_module("portal.scim.errors").from_problem(problem)
    return answer


for _path, _name, _where, _methods in _ADDRESSES:
    blueprint.add_url_rule(f"{BASE}/{_path}", _name, _answered_by(_name, _where), methods=_methods)
