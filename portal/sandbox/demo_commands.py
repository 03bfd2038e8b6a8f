"""The operators' commands for the demo's set-up, run one after the other in one process.

A command on its own spends more than a second on starting Python and the portal, and the demo needs some
twenty. So one process starts once, takes each command's words as a line of JSON and answers with another: the
same commands with the same options and the same output. Nothing of the portal is imported here.
"""

import json
import subprocess
import sys
from typing import IO

from click.testing import CliRunner
from flask.cli import FlaskGroup, ScriptInfo

from portal.sandbox.demo_places import HOUSE, DemoProblem, Places, environment


class Commands:
    """A process that runs commands until it is closed; it ends by itself when the launcher is gone."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._process = subprocess.Popen(
            [sys.executable, "-m", "portal.sandbox.demo_commands"],
            cwd=HOUSE,
            env=environment(places),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Ctrl-C reaches the launcher only, which then closes this process.
            start_new_session=True,
        )

    def run(self, *words: str) -> str:
        """Run one command and return what it printed; raises :class:`DemoProblem`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(words) + "\n")
            self._process.stdin.flush()
            answer = json.loads(self._process.stdout.readline())
        except (OSError, ValueError):
            raise DemoProblem(f"`flask {' '.join(words[:2])}` did not answer.") from None
        if answer["code"] != 0:
            raise DemoProblem(
                f"`flask {' '.join(words[:2])}` did not work:\n{answer['said'].strip()}\n"
                f"If it has worked before, delete {self._places.folder} and start again."
            )
        return str(answer["printed"])

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None and self._process.stdout is not None:
            self._process.stdin.close()
            self._process.stdout.close()
        self._process.wait()


def serve(orders: IO[str], answers: IO[str]) -> None:
    """Run each line's command and answer with a line, until there are no more."""
    portal, group, runner = ScriptInfo(app_import_path="wsgi"), FlaskGroup(), CliRunner()
    for line in orders:
        result = runner.invoke(group, json.loads(line), obj=portal)
        said = result.stderr or repr(result.exception)
        answers.write(json.dumps({"code": result.exit_code, "printed": result.stdout, "said": said}) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve(sys.stdin, sys.stdout)
