"""What concerns Okta as a product, and not the protocols it speaks.

``simulator`` plays Okta towards an OpenID Provider and judges the answers by Okta's published rules.
``registration`` keeps the registration attribute as it should be, and ``pauses`` switches it off for a while.
``hook`` takes Okta's events, ``keeping`` keeps them, ``events`` reads facts from them, ``events_people`` has
the directory follow the facts, ``logins`` says whose login is whose where they move, and ``reconcile`` finds
what no event told.
"""

from flask import Flask

from portal import outbox
from portal.okta import personal, routes


def init_app(app: Flask) -> None:
    """Wire the room: its address, what is forgotten and told about a person, and what workers do."""
    personal.init_app(app)
    routes.init_app(app)
    outbox.left_to_workers(
        app,
        "portal.okta.registration",
        "portal.okta.pauses",
        "portal.okta.events",
        "portal.okta.events_people",
        "portal.okta.reconcile",
    )
