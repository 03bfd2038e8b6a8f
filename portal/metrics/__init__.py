"""What is counted: how often, how long, and for whom of a bounded number; ``portal.watch`` shows it.

Counting costs a few microseconds and asks nobody. No label is ever a person, a journey or an address, and a
label that grows with what others send is cut off, so that nobody outside can fill the memory.

Where the environment names PROMETHEUS_MULTIPROC_DIR before this is imported (config/gunicorn.conf.py sees to
it), all processes that name the same folder count together.
"""

from portal.metrics.measures import (
    REGISTRY,
    breaker_moved,
    call_ended,
    capture_ended,
    event_happened,
    journey_moved,
    message_ended,
    request_ended,
)

__all__ = [
    "REGISTRY",
    "breaker_moved",
    "call_ended",
    "capture_ended",
    "event_happened",
    "journey_moved",
    "message_ended",
    "request_ended",
]
