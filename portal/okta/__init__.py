"""What concerns Okta as a product, and not the protocols it speaks.

``simulator`` plays Okta towards an OpenID Provider and judges the answers by Okta's published rules.
``registration`` keeps the registration attribute as it should be, and ``pauses`` switches it off for a while.
``hook`` takes Okta's events, ``events`` keeps them and reads facts from them, ``events_people`` has the
directory follow the facts, ``logins`` says whose login is whose where they move, and ``reconcile`` finds what
no event told.
"""

from flask import Flask

from portal.okta import events, events_people, pauses, personal, reconcile, registration, routes


def init_app(app: Flask) -> None:
    """Wire the room: its address, and what the outbox does with its topics."""
    registration.init_app(app)
    pauses.init_app(app)
    personal.init_app(app)
    events.init_app(app)
    events_people.init_app(app)
    reconcile.init_app(app)
    routes.init_app(app)
