"""The connection to an Okta organisation: its record, its sealed credential, and the client made from it."""

from flask import Flask

from portal.connections import registry


def init_app(app: Flask) -> None:
    """Wire the room: connections, tokens and rate limits that the process shares."""
    registry.init_app(app)
