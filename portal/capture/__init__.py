"""The capture: from the page that says what is about to happen to the result that VerifEye vouches for.

``pages`` shows what a person sees before and between captures; ``beginning`` decides whether this person
may be captured and makes the link; ``result`` takes the browser back and applies every trust rule;
``webhook`` takes VerifEye's hint. The room never names another: it makes signed links by endpoint.
"""

from flask import Flask

from portal.capture import routes


def init_app(app: Flask) -> None:
    """Wire the room."""
    routes.init_app(app)
