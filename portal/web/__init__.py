"""What every room that speaks to a person in a browser shares.

``headers`` puts the security headers on every response and knows the nonce of the page being made;
``filters`` gives templates their addresses of static files, their times and their masked account
names; ``forms`` lets a form prove that it is one of ours; ``errors`` turns anything that goes wrong
into a page that says what happened and what to do, or, under addresses that programs use, into the
dialect their room has registered.

This room knows no table and no protocol. It may import ``users`` and what lies below, and nothing
above it imports it for anything but pages.
"""

from flask import Flask

from portal.web import errors, filters, forms, guessing, headers, intake, journeys
from portal.web.filters import Branding

__all__ = ["Branding", "errors", "filters", "headers", "init_app", "journeys"]


def init_app(app: Flask, branding: Branding | None = None) -> None:
    """Wire the room into ``app``.

    ``branding`` names the organisation and its addresses for help, privacy and terms; without it
    they come from the application's settings, and an application without settings (a test) gets
    the portal's own neutral name and mark.
    """
    if branding is None:
        settings = app.extensions.get("portal.settings")
        branding = Branding.from_settings(settings) if settings else Branding()
    intake.init_app(app)
    headers.init_app(app)
    filters.init_app(app, branding)
    forms.init_app(app)
    errors.init_app(app)
    journeys.init_app(app)
    guessing.init_app(app)
