"""What an error of Okta's means for a message of the outbox."""

from collections.abc import Iterator
from contextlib import contextmanager

from portal import credentials
from portal.credentials import UnsealError
from portal.okta_api.errors import OktaError, OktaRefused, RateLimited
from portal.outbox import OutboxFailure

#: So that what waited for one limit does not come back in one heap.
_SPREAD_SECONDS = 10.0


@contextmanager
def told_to_the_outbox() -> Iterator[None]:
    """Turn what goes wrong with Okta inside a ``with`` statement into :class:`OutboxFailure`.

    A rate limit puts the message off until Okta counts anew, without using up an attempt; a refusal is
    final, with the sentence that says what an operator has to do; anything else is tried again.
    """
    try:
        yield
    except RateLimited as error:
        wait = error.seconds + credentials.jitter(_SPREAD_SECONDS)
        raise OutboxFailure(error.sentence, retry_after=wait) from error
    except OktaRefused as error:
        raise OutboxFailure(error.sentence, final=True) from error
    except OktaError as error:
        raise OutboxFailure(error.sentence) from error
    except UnsealError as error:
        # Tried again: with the key put back, the whole backlog is done, and not among the dead letters.
        raise OutboxFailure(
            "Okta's credential is sealed with an encryption key that is not configured. Put it back into "
            "PORTAL_ENCRYPTION_KEY and restart, or connect anew with `flask okta connect`."
        ) from error
