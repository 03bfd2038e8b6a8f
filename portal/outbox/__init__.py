"""Side effects that must survive a crash.

A room that wants something done outside (a face deleted, a mail sent) writes a message in the commit
of the change that wants it; a worker does it later, at least once. A handler must therefore be
idempotent. News travels upwards this way, never as an import: the topic's handler is registered by
the room that knows how; what only workers need is imported by them alone (``left_to_workers``).
"""

from portal.outbox.messages import OutboxFailure, enqueue, forget, handles, left_to_workers
from portal.outbox.schedule import every
from portal.outbox.worker import run_due

__all__ = ["OutboxFailure", "enqueue", "every", "forget", "handles", "left_to_workers", "run_due"]
