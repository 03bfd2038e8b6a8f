"""Sealing the audit log, as work that recurs."""

from collections.abc import Iterator

from flask import Flask

from portal import outbox
from portal.audit import chain
from portal.credentials import UnsealError

#: How long an event stays unsealed at most while a worker runs; a round without news costs three look-ups.
SECONDS = 10


def init_app(app: Flask) -> None:
    """Have whichever worker comes first seal what happened."""
    outbox.every(app, "audit.seal", SECONDS, sealing)


def sealing() -> Iterator[int]:
    """Seal everything there is, batch by batch; the worker commits each.

    A broken chain is not added to: what comes next must not cover it up. The job then fails until an
    operator has looked.
    """
    last: int | None = None
    while True:
        try:
            count, last = chain.seal(last)
        except chain.ChainBroken as broken:
            raise outbox.OutboxFailure(str(broken)) from broken
        except chain.ChainMoved as moved:
            raise outbox.OutboxFailure("Another worker sealed at the same time.", retry_after=1) from moved
        except UnsealError as error:
            raise outbox.OutboxFailure("No configured encryption key opens the key of the chain.") from error
        if count < chain.BATCH:
            return
        yield count
