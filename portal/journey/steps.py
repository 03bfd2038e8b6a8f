"""What comes next for a journey, and the signed links between its steps.

A link carries the journey, the step and the turn, signed for that step alone (the salt names it), so
a link minted for one hop is useless at another. Turning a page does not use a link up; the move that
the step makes does, because it counts the turn on. After the first hop nothing but the link is read
from a query string.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from flask import current_app, request
from itsdangerous import BadData

from portal.extensions import settings
from portal.journey import lifecycle
from portal.journey.errors import JourneyExpired, JourneyOver, LinkRefused, OutOfTurn
from portal.models import Journey, JourneyPurpose, JourneyState
from portal.signed_text import SignedText

_PARAMETER = "link"
_LONGEST_LINK = 300
_WAYS = "portal.journey.ways"


class Step(StrEnum):
    """A step, named by its endpoint: rooms find each other by name and not by import."""

    IDENTIFY = "capture.identify"
    CAPTURE = "capture.start"
    REFUSED = "capture.refused"
    CONTINUE = "oidc_pages.resume"
    LEAVE = "oidc_pages.leave"
    #: The same two for the journey of an enrolment, which no client asked for.
    ENROLMENT_CONTINUE = "enrolment.resume"
    ENROLMENT_LEAVE = "enrolment.leave"


class Next(StrEnum):
    """What the dispatcher does with a journey."""

    IDENTIFY = "identify"
    CAPTURE = "capture"
    REFUSE = "refuse"
    ISSUE = "issue"


class Link(NamedTuple):
    """A link that was read: the journey as it is now, and the turn at which the link was signed."""

    journey: Journey
    turn: int


class _Way(NamedTuple):
    """What the links of one step have in common."""

    path: str
    signed: SignedText


def next_step(journey: Journey) -> Next:
    """Return what comes next; raises :class:`JourneyExpired` or :class:`JourneyOver` where nothing does."""
    if lifecycle.is_expired(journey):
        raise JourneyExpired(journey)
    match journey.state:
        case JourneyState.OPEN if journey.account is None:
            return Next.IDENTIFY
        case JourneyState.OPEN | JourneyState.CAPTURING:
            return Next.CAPTURE
        case JourneyState.REFUSED:
            return Next.REFUSE
        case JourneyState.VERIFIED:
            return Next.ISSUE
        case _:
            raise JourneyOver(journey)


def page_of(journey: Journey) -> Step:
    """Return the step whose page a person should see now; raises as :func:`next_step` does."""
    match next_step(journey):
        case Next.IDENTIFY:
            return Step.IDENTIFY
        case Next.CAPTURE:
            return Step.CAPTURE
        case Next.REFUSE:
            return Step.REFUSED
        case Next.ISSUE:
            return dispatcher_of(journey)


def dispatcher_of(journey: Journey) -> Step:
    """Return the step to which every other step of this journey returns."""
    enrols = journey.purpose == JourneyPurpose.ENROL
    return Step.ENROLMENT_CONTINUE if enrols else Step.CONTINUE


def way_out_of(journey: Journey) -> Step:
    """Return the step that ends this journey without a verification."""
    return Step.ENROLMENT_LEAVE if journey.purpose == JourneyPurpose.ENROL else Step.LEAVE


def is_refused(journey: Journey) -> bool:
    """Say whether the journey was refused and can still be answered."""
    return journey.state == JourneyState.REFUSED and not lifecycle.is_expired(journey)


def link(journey: Journey, step: Step) -> str:
    """Return the absolute path of ``step`` with a link that is good for this journey's present turn."""
    way = _way(step)
    # A signed text holds no letter that an address would have to escape.
    return f"{request.script_root}{way.path}?{_PARAMETER}={way.signed.dumps([journey.id, journey.turn])}"


def read_link(arguments: Mapping[str, str], step: Step) -> Link:
    """Return the journey that the link in ``arguments`` names, and the turn it was signed for.

    Raises as :func:`named_by`, and :class:`JourneyExpired` where the record is already gone.
    """
    journey_id, turn = named_by(arguments, step)
    journey = lifecycle.find(journey_id)
    if journey is None:
        raise JourneyExpired
    return Link(journey, turn)


def named_by(arguments: Mapping[str, str], step: Step) -> tuple[str, int]:
    """Return the id of the journey that the link in ``arguments`` names, and the turn it was signed for.

    Raises :class:`LinkRefused` for anything that is not an unaltered link of ours for ``step``.
    """
    text = arguments.get(_PARAMETER, "")
    if not text or len(text) > _LONGEST_LINK or not text.isascii():
        raise LinkRefused
    try:
        journey_id, turn = _way(step).signed.loads(text)
    except (BadData, ValueError, TypeError):
        raise LinkRefused from None
    if not isinstance(journey_id, str):
        raise LinkRefused
    return journey_id, turn


def require_turn(read: Link) -> None:
    """Raise :class:`OutOfTurn` if the journey has moved on since the link was signed."""
    if read.turn != read.journey.turn:
        raise OutOfTurn(read.journey)


def _way(step: Step) -> _Way:
    ways: dict[Step, _Way] = current_app.extensions.setdefault(_WAYS, {})
    way = ways.get(step)
    if way is None:
        path = current_app.url_map.bind("").build(step.value)
        way = ways[step] = _Way(path, SignedText(settings().secret_key, salt=f"portal.step.{step.value}"))
    return way
