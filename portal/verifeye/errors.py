"""What can go wrong between the portal and VerifEye, as far as a caller would act differently."""


class VerifEyeError(Exception):
    """VerifEye did not do what was asked; the message is for operators and holds no secret."""


class VerifEyeUnavailable(VerifEyeError):
    """No usable answer for now: time-out, connection, 5xx, 429, breaker open. Later may be better."""


class UnreadableResult(VerifEyeUnavailable):
    """A result came that is not a JSON object of a plausible size and depth."""


class VerifEyeRefused(VerifEyeError):
    """VerifEye answered no: our key or configuration is wrong, or the operation is not offered."""


class ResultNotReady(VerifEyeError):
    """The session is unknown to VerifEye, or not finished, even after some seconds of asking."""
