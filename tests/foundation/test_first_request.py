"""The first thing that a fresh process does may be anything: nothing waits for an earlier request."""

import os
import subprocess
import sys

from tests.support.machine import TOP

_ADOPTS = """
from portal import records
from portal.app import create_app
from portal.extensions import table_of
from portal.models import Journey

with create_app().app_context():
    row = {column.name: None for column in table_of(Journey).columns} | {"id": "0" * 32}
    assert records.adopt(Journey, row).id == "0" * 32
"""


def test_a_fresh_process_can_make_a_record_of_a_row() -> None:
    environment = os.environ | {"PORTAL_CONFIG": str(TOP / "config" / "test.toml")}
    done = subprocess.run(
        [sys.executable, "-c", _ADOPTS], cwd=TOP, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
