"""A portal sets up the logs of its whole process; after each test they are as they were."""

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """Put back the root logger's handlers and level, and the level of every logger."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.setLevel(level)
    # pytest's own handlers come and go by themselves.
    for handler in list(root.handlers):
        if handler not in handlers and type(handler).__module__.startswith("portal."):
            root.removeHandler(handler)
