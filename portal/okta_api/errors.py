"""What can go wrong between the portal and Okta, each with a sentence that says what to do about it.

The sentences are ours and may be stored and shown: none quotes Okta's text, which may name people.
"""


class OktaError(Exception):
    """Okta did not do what was asked; ``sentence`` says what happened and what an operator does next."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class OktaUnavailable(OktaError):
    """No usable answer for now: time-out, connection, 5xx, breaker open. Later may be better."""


class RateLimited(OktaError):
    """Okta's limit, or the share of it that the portal allows itself, is used up for ``seconds`` more."""

    def __init__(self, sentence: str, seconds: float) -> None:
        super().__init__(sentence)
        self.seconds = seconds


class OktaRefused(OktaError):
    """Okta answered no, and will again until somebody changes something."""


class NotFound(OktaRefused):
    """There is nothing with this id or name (E0000007)."""


class BadCredential(OktaRefused):
    """The API token, the service app or its key is not accepted (E0000011, ``invalid_client``)."""


class NotPermitted(OktaRefused):
    """The credential is good, but may not do this (E0000006, ``insufficient_scope``, ``invalid_scope``)."""


class UnknownAttribute(OktaRefused):
    """Okta's user profile has no attribute of this name, or one of another type (E0000001)."""


class MasteredElsewhere(OktaRefused):
    """The profile or the attribute is written by another source, such as Active Directory (E0000023)."""


class MappedAndPushed(OktaRefused):
    """An application's mapping owns the attribute (E0000075)."""


class NotEditable(OktaRefused):
    """The person is deactivated in Okta, where such profiles may not be edited (E0000038)."""
