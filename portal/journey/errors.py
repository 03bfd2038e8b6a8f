"""Why a journey cannot go on; ``portal.web.journeys`` shows each as a page."""

from portal.models import Journey


class JourneyError(Exception):
    """A journey cannot go on. ``journey`` is the record, where one is known."""

    def __init__(self, journey: Journey | None = None) -> None:
        super().__init__(type(self).__name__)
        self.journey = journey


class LinkRefused(JourneyError):
    """The link is not one of ours, was altered, or belongs to another step."""


class WrongBrowser(JourneyError):
    """The journey began in another browser, or this browser does not keep cookies."""


class JourneyOver(JourneyError):
    """The journey ended: issued, redeemed, cancelled or refused."""


class JourneyExpired(JourneyError):
    """The journey took longer than it may."""


class OutOfTurn(JourneyError):
    """The link was used already: the back button, a reload or a second tab."""
