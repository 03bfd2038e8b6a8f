"""A connection to a live portal, as an Okta administrator would set it up."""

from dataclasses import dataclass
from typing import Any

from portal.okta.simulator import Connection, Endpoints
from tests.support import factories
from tests.support.browsers import LivePortal

FACTOR_CALLBACK = "https://acme.okta.example/oauth2/v1/authorize/callback"
IDV_CALLBACK = "https://acme.okta.example/idp/identity-verification/callback"


@dataclass(frozen=True)
class Scene:
    """A person, and the client that Okta is."""

    connection: Connection
    login: str
    user_id: str
    okta_id: str


def scene(
    portal: LivePortal,
    profile: str,
    *,
    enrolled: bool = True,
    redirect_uri: str | None = None,
    **client_options: Any,
) -> Scene:
    """Register Okta and a person at ``portal``."""
    callback = redirect_uri or (IDV_CALLBACK if profile == "okta-idv" else FACTOR_CALLBACK)
    with portal.app.app_context():
        stage = factories.stage(
            portal.sandbox, enrolled=enrolled, profile=profile, redirect_uris=(callback,), **client_options
        )
        okta_id = factories.db.session.get_one(factories.User, stage.user_id).okta_id
    connection = Connection(
        Endpoints.of_portal(portal.origin), stage.client_id, stage.client_secret, callback
    )
    return Scene(connection, stage.login, stage.user_id, okta_id)
