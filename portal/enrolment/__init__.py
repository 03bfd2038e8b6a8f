"""Enrolment by invitation: from the mail with its link to the face that counts.

``links`` signs and reads the link; ``standing`` says whether it is good; ``entrance`` is the page behind it
and begins; ``proof`` takes the person back from Okta, whom they had to convince first; ``finishing`` is the
dispatcher of the journey, which confirms the enrolment and consumes the invitation in one commit; ``mailing``
sends invitations and reminders. The capture in between is the capture room's, which is found by name and not
by import. ``new_link`` sends somebody with an old link another one.
"""

from flask import Flask

from portal import outbox
from portal.enrolment import routes


def init_app(app: Flask) -> None:
    """Wire the room."""
    routes.init_app(app)
    outbox.left_to_workers(app, "portal.enrolment.mailing")
