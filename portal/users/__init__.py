"""The directory of people, and who is enrolled where.

``directory`` finds and keeps people; ``enrolments`` keeps the portal's own record of the tie between a
person and a face, which VerifEye's answers never replace: its match modes enrol whoever comes first
and report ``passed``. ``holds`` says who may use the factor, ``removal`` deletes the faces of those who
have left, ``erasure`` and ``export`` are about everything that is held about a person, in whatever room.
"""

from flask import Flask

from portal.users import enrolments, personal, removal


def init_app(app: Flask) -> None:
    """Wire the room: what is forgotten and told about a person, and the faces of those who have left."""
    enrolments.init_app(app)
    personal.init_app(app)
    removal.init_app(app)
