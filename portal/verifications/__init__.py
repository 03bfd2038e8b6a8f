"""Verification configurations: the record of each, and the VerifEye client that goes with it.

``verifeye`` knows the vendor's wire and nothing of ours; this room ties it to the configuration's
record and its sealed key, for every room that talks to VerifEye. It has a room of its own, which the
first design did not have, because capture and enrolment may not see each other and both need it.
"""

from flask import Flask

from portal.verifications import faces, registry


def init_app(app: Flask) -> None:
    """Wire the room: shared connections to VerifEye, and the deletion of faces through the outbox."""
    registry.init_app(app)
    faces.init_app(app)
