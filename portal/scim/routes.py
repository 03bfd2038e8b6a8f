"""Every address of the SCIM server, with its guard and its limits."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Flask
from flask_wtf.csrf import CSRFProtect
from pydantic import ValidationError
from sqlalchemy.exc import IntegrityError

from portal.extensions import limit
from portal.scim import discovery, entrance, errors, group_views, listing, user_views
from portal.scim.entrance import admitted
from portal.scim.group_views import Groups, OneGroup
from portal.scim.schemas import BASE
from portal.scim.user_views import OneUser, Users
from portal.web.guessing import limit_wrong_secrets

blueprint = Blueprint("scim", __name__)

_KINDS = (user_views.LIST, group_views.LIST)
_ONE, _MANY = ["GET", "PUT", "PATCH", "DELETE"], ["GET", "POST"]


_GUARDED: list[str] = []


def _add(path: str, name: str, view: Callable[..., Any], methods: list[str]) -> None:
    _GUARDED.append(name)
    blueprint.add_url_rule(f"{BASE}/{path}", name, admitted(view), methods=methods)


_add("Users", "users", Users.as_view("users"), _MANY)
_add("Users/.search", "search_users", user_views.search, ["POST"])
_add("Users/<user_id>", "user", OneUser.as_view("user"), _ONE)
_add("Groups", "groups", Groups.as_view("groups"), _MANY)
_add("Groups/.search", "search_groups", group_views.search, ["POST"])
_add("Groups/<group_id>", "group", OneGroup.as_view("group"), _ONE)
_add(".search", "search", lambda: listing.answer_all(_KINDS, entrance.body()), ["POST"])
_add("ResourceTypes", "resource_types", discovery.resource_types, ["GET"])
_add("ResourceTypes/<name>", "resource_type", discovery.resource_type, ["GET"])
_add("Schemas", "schemas", discovery.schemas, ["GET"])
_add("Schemas/<name>", "schema", discovery.schema, ["GET"])
# For anybody.
blueprint.add_url_rule(f"{BASE}/ServiceProviderConfig", "config", discovery.config, methods=["GET"])
blueprint.register_error_handler(ValidationError, errors.from_validation)
blueprint.register_error_handler(IntegrityError, errors.in_time_for_another)


def init_app(app: Flask) -> None:
    """Register the addresses; programs bring a token and no cookie, so there is no form to guard."""
    csrf: CSRFProtect = app.extensions["csrf"]
    csrf.exempt(blueprint)
    app.register_blueprint(blueprint)
    for name in _GUARDED:
        limit(app, f"scim.{name}", "rate_limit_scim")
        limit_wrong_secrets(app, f"scim.{name}")
    limit(app, "scim.config", "rate_limit_scim")
