"""What the start page says about a configuration, in the person's words, and which text that is."""

from collections.abc import Collection, Mapping
from typing import Any

from portal.models import Journey, JourneyPurpose
from portal.verifeye.results import Outcome, Result, Verifier
from portal.verifications.registry import Configuration

#: The version of the consent text; raise it whenever the start page says something else about what
#: is checked, where, or what is kept. Journeys record the version that was on the screen.
CONSENT_VERSION = "2026-11-21"

_CHECKS = (
    ("liveness", "that a live person is there"),
    ("face", "that the face is yours"),
    ("age", "an estimate of your age"),
    ("gender", "an estimate of your gender"),
)
_WHERE = {"eu": "the European Union", "us": "the United States"}
KEEPS = (
    "The pictures are deleted right after the check. What stays there is a face template under a random "
    "number, without your name. We keep the time and the outcome."
)
#: A face that is not the account's, and, where the account has none yet, one that VerifEye would not enrol
#: (with unique matching: somebody else's). Like all that is told of a failure, keys of
#: ``templates/capture/failures.html``.
NOT_MATCHED, NOT_TAKEN = "not_matched", "not_taken"
#: What to say about a verifier that did not pass.
_TOLD_AS = (
    (Verifier.LIVENESS, Outcome.FAILED, "not_live"),
    (Verifier.FACE, Outcome.FAILED, NOT_MATCHED),
    (Verifier.LIVENESS, Outcome.NOT_EXECUTED, "incomplete"),
    (Verifier.FACE, Outcome.NOT_EXECUTED, "incomplete"),
)


def checks(configuration: Configuration, also: Collection[str] = ()) -> tuple[str, ...]:
    """Return what is checked, each completing the sentence "It checks …"; ``also``: what a flow demands."""
    demanded = {*configuration.required_verifiers, *also}
    return tuple([words for name, words in _CHECKS if name in demanded])


def purpose(journey: Journey) -> str:
    """Return what the check is for, completing the sentence "… so that you can …"."""
    if journey.purpose == JourneyPurpose.ENROL:
        return "confirm with your face when you sign in"
    wanted: str = _flow(journey).get("purpose", "sign in")
    return wanted


def other_way(journey: Journey) -> str:
    """Return the words of the quiet button: whoever recovers an account, or enrols, is not signing in."""
    if journey.purpose == JourneyPurpose.ENROL:
        return "Not now"
    return "Go back without the check" if _flow(journey) else "Use another way to sign in"


def start_over(journey: Journey) -> str:
    """Return where to begin anew once the time is over: somebody who enrols came from a mail."""
    if journey.purpose == JourneyPurpose.ENROL:
        return "Open the link in the mail and start again."
    return "Go back to where you came from and start again."


def where(configuration: Configuration) -> str:
    """Return where the check is done, completing the sentence "… in …"."""
    return _WHERE.get(configuration.region, "the region that your organisation chose")


def failure_key(result: Result) -> str:
    """Return what to tell the person about a result that did not count: a key of the failures' words."""
    for verifier, outcome, key in _TOLD_AS:
        if result.verifiers.get(verifier) is outcome:
            return key
    return "other"


def _flow(journey: Journey) -> Mapping[str, Any]:
    flow: Mapping[str, Any] = journey.parameters.get("flow", {})
    return flow
