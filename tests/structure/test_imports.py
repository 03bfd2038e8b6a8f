"""Who may import whom: the contracts stand in pyproject.toml."""

import ast
import re
import subprocess
import sys

import pytest

from portal import __doc__ as the_map
from tests.structure import source_tree
from tests.support.machine import TOP

#: Imports inside functions that have a reason: (module, what is imported).
IMPORTED_LATE: set[tuple[str, str]] = {
    # Not for its cycles but for its cost: redis takes a tenth of a second, and few count there.
    ("portal.extensions", "portal.shared_counters"),
    # Tables that take megabytes of every worker, and that most workers never look at.
    ("portal.oidc.claims", "portal.oidc"),
    ("portal.users.details", "phonenumbers"),
    # OpenTelemetry is installed where traces are wanted, and nowhere else.
    ("portal.tracing", "portal.tracing"),
}


def test_the_import_contracts_of_pyproject_hold():
    # A process of its own: the linter sets up logging for the whole process it runs in.
    lint = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    run = subprocess.run([sys.executable, "-c", lint], cwd=TOP, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_room_is_on_the_map_of_the_package():
    found = {path.name.removesuffix(".py") for path in source_tree.PORTAL.iterdir()}
    rooms = found - {"__init__", "__pycache__"}
    told = set(re.findall(r"[a-z_]+", the_map or ""))
    assert rooms - told == set(), "portal/__init__.py draws the map of all rooms"


@pytest.mark.parametrize("path", source_tree.modules(), ids=source_tree.name_of)
def test_nothing_is_imported_inside_a_function(path):
    late = {
        (source_tree.name_of(path), _imported(node))
        for function in ast.walk(source_tree.tree(path))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert late <= IMPORTED_LATE, "an import inside a function hides a cycle"


@pytest.mark.parametrize("room", ["oidc", "capture"])
def test_a_room_of_endpoints_lists_its_urls_in_routes(room):
    path = source_tree.PORTAL / room / "routes.py"
    assert "add_url_rule" in path.read_text(), f"{room}/routes.py is the table of the room's URLs"
    for other in source_tree.modules(path.parent):
        decorators = [
            call for call in source_tree.calls(other)
            if isinstance(call.func, ast.Attribute) and call.func.attr in ("route", "get", "post")
            and isinstance(call.func.value, ast.Name) and call.func.value.id in ("bp", "app", "blueprint")
        ]  # fmt: skip
        assert not decorators, f"{other.name} declares a URL outside the table"


def _imported(node: ast.Import | ast.ImportFrom) -> str:
    return node.module or "." if isinstance(node, ast.ImportFrom) else node.names[0].name
