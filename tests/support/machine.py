"""What the machine has, and what a test does where something is missing."""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

TOP = Path(__file__).resolve().parents[2]

#: Set by CI: a part that is missing is a failure there, and not a reason to skip.
REQUIRE_ALL = os.environ.get("PORTAL_TEST_REQUIRE_ALL") == "1"


def missing(what: str) -> NoReturn:
    """Skip the test because the machine lacks ``what``; fail it where everything is required."""
    if REQUIRE_ALL:
        pytest.fail(f"PORTAL_TEST_REQUIRE_ALL is set, but {what}", pytrace=False)
    pytest.skip(what)


def program(name: str, *places: str) -> str | None:
    """Return the path of a program, looked for on PATH and then by the glob patterns ``places``."""
    found = shutil.which(name)
    if found:
        return found
    for pattern in places:
        for path in sorted(Path("/").glob(pattern.lstrip("/")), reverse=True):
            if os.access(path, os.X_OK):
                return str(path)
    return None
