"""Reading the lines that a logger writes, whatever the test runner does with standard error."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from portal import logs


@contextmanager
def lines(log_format: str = "json") -> Iterator[list[str]]:
    """Collect the lines that are logged inside, as the portal's handler would write them."""
    kept = logs.handler(log_format)
    written: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if kept.filter(record):
                written.append(kept.format(record))

    collector = Collector()
    root = logging.getLogger()
    level = root.level
    root.addHandler(collector)
    root.setLevel(logging.DEBUG)
    try:
        yield written
    finally:
        root.removeHandler(collector)
        root.setLevel(level)


def documents(written: list[str], logger: str = "") -> list[dict[str, Any]]:
    """Return JSON lines as objects, of one logger if it is named."""
    read = [json.load(io.StringIO(line)) for line in written]
    return [document for document in read if document["logger"].startswith(logger)]
