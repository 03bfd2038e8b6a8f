"""What the database says at the moment somebody asks: queues, keys, recurring work, the audit log.

Every query is answered by an index of the few rows that are not done; nothing is counted that grows.
"""

from collections.abc import Iterator
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Connection, case, func, literal, select
from sqlalchemy.exc import SQLAlchemyError

from portal import clock
from portal.extensions import db
from portal.models import AuditChain, AuditSink, OutboxMessage, ScheduledJob, SigningKey
from portal.models.outbox import DEAD, WAITING

Families = Iterator[GaugeMetricFamily]


class StateCollector(Collector):
    """Asks the database anew for each reading; an answer without it says ``portal_database_up 0``."""

    def collect(self) -> Families:
        """Yield every measure of the database's state."""
        up = 1
        try:
            with db.engine.connect() as connection:
                families = [
                    *_outbox(connection),
                    *_jobs(connection),
                    *_keys(connection),
                    *_audit(connection),
                ]
        except SQLAlchemyError:
            up, families = 0, []
        yield GaugeMetricFamily("portal_database_up", "Whether the database answered just now.", value=up)
        yield from families


def _outbox(connection: Connection) -> Families:
    """Say of each topic how much waits and for how long, and what was given up."""
    message, now = OutboxMessage, clock.now()
    depth = _gauge("portal_outbox_waiting", "Messages that wait or are under way.", "topic")
    overdue = _gauge("portal_outbox_overdue_seconds", "How long the longest due message is due.", "topic")
    age = _gauge("portal_outbox_oldest_seconds", "How old the oldest message is that is not done.", "topic")
    due = case((message.available_at <= now, message.available_at))
    for topic, count, first_due, oldest in connection.execute(
        select(message.topic, func.count(), func.min(due), func.min(message.created_at))
        .where(WAITING)
        .group_by(message.topic)
    ):
        depth.add_metric([topic], count)
        overdue.add_metric([topic], _age(first_due, now))
        age.add_metric([topic], _age(oldest, now))
    dead = _gauge("portal_outbox_dead", "Messages that were given up and wait for somebody.", "topic")
    for topic, count in connection.execute(
        select(message.topic, func.count()).where(DEAD).group_by(message.topic)
    ):
        dead.add_metric([topic], count)
    yield from (depth, overdue, age, dead)


def _jobs(connection: Connection) -> Families:
    """Say of each recurring job when it last ended well, and whether its last run failed."""
    job, now = ScheduledJob, clock.now()
    ended = _gauge("portal_job_success_age_seconds", "Since the job last ended well.", "task")
    failing = _gauge("portal_job_failing", "Whether the job's last run failed.", "task")
    for name, succeeded_at, error in connection.execute(select(job.name, job.succeeded_at, job.last_error)):
        if succeeded_at is not None:
            ended.add_metric([name], _age(succeeded_at, now))
        failing.add_metric([name], int(error is not None))
    yield from (ended, failing)


def _keys(connection: Connection) -> Families:
    """Say how long the newest key of each algorithm has been signing."""
    now = clock.now()
    age = _gauge("portal_signing_key_age_seconds", "Since the newest key began to sign.", "alg")
    for alg, newest in connection.execute(
        select(SigningKey.alg, func.max(SigningKey.active_from))
        .where(SigningKey.active_from <= now, SigningKey.published_until.is_(None))
        .group_by(SigningKey.alg)
    ):
        age.add_metric([alg], _age(newest, now))
    yield age


def _audit(connection: Connection) -> Families:
    """Say how long the audit log's chain is, and how many events each receiver is behind."""
    head = connection.scalar(select(AuditChain.head_sequence)) or 0
    yield GaugeMetricFamily("portal_audit_sealed", "The place of the newest sealed event.", value=head)
    behind = _gauge("portal_audit_sink_behind", "Sealed events that a receiver has not got yet.", "sink")
    for name, sequence in connection.execute(select(AuditSink.name, literal(head) - AuditSink.sequence)):
        behind.add_metric([name], max(0, sequence))
    yield behind


def _gauge(name: str, documentation: str, label: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, documentation, labels=[label])


def _age(moment: datetime | None, now: datetime) -> float:
    return 0.0 if moment is None else max(0.0, (now - moment).total_seconds())
