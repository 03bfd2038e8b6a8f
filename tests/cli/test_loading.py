"""The commands are loaded when they are typed."""

import subprocess
import sys
from pathlib import Path

from portal import cli
from portal.cli import NOUNS
from tests.support.machine import TOP


def test_every_module_of_commands_belongs_to_a_noun() -> None:
    """A module that no noun loads adds its commands to nothing."""
    named = {module for modules in NOUNS.values() for module in modules}
    with_commands = {
        path.stem for path in Path(cli.__file__).parent.glob("*.py") if ".command(" in path.read_text()
    }
    assert with_commands <= named


def test_the_web_servers_application_loads_no_command() -> None:
    code = "import sys, portal.app; print(sorted(m for m in sys.modules if m.startswith('portal.cli.')))"
    said = subprocess.run([sys.executable, "-c", code], cwd=TOP, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "['portal.cli.shell']"
