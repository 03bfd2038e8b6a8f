"""What ``flask doctor`` says about the worker: whether one runs, and whether its recurring work succeeds."""

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import select

from portal import clock
from portal.cli.findings import Finding, ok, problem, warning
from portal.extensions import db
from portal.models import ScheduledJob

#: A worker does something every minute; after this long without a sign, none runs.
_SILENT = timedelta(minutes=10)


def worker() -> Iterator[Finding]:
    """Say whether a worker was at work lately, and which recurring work failed last."""
    jobs = db.session.scalars(select(ScheduledJob).order_by(ScheduledJob.name)).all()
    signs = [moment for job in jobs for moment in (job.began_at, job.ended_at) if moment is not None]
    if not signs:
        yield warning(
            "worker",
            "none has ever run here: mails, calls to Okta and deletions wait, and nothing old is removed",
            "run `flask outbox run --loop` as a service (docs/operating.md)",
        )
    elif max(signs) < clock.now() - _SILENT:
        yield problem(
            "worker",
            f"none has been at work since {max(signs):%Y-%m-%d %H:%M} UTC",
            "see why `flask outbox run --loop` stopped, and start it again",
        )
    else:
        yield ok("worker", f"at work, {max(signs):%Y-%m-%d %H:%M} UTC")
    for job in jobs:
        if job.last_error is not None:
            yield warning(
                "worker", f"{job.name} failed: {job.last_error}", "`flask outbox schedule` has the rest"
            )
