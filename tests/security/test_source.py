"""What strangers send is never a program: no pattern, log format, template or markup is made of it."""

import ast
import re
from pathlib import Path

import pytest

from tests.structure import source_tree
from tests.support.machine import TOP

MODULES = source_tree.modules()
#: Made of constants that stand in the same module, and of nothing else.
MADE_OF_CONSTANTS = {"portal.idv.typing_errors", "portal.idv.sounds"}
#: A label of the portal's own list; the stand-ins' one sentence of their own.
FIXED_FORMATS = {"portal.audit.log", "portal.sandbox.app", "portal.sandbox.okta.app"}


def _is_written_out(call: ast.Call) -> bool:
    return bool(call.args) and isinstance(call.args[0], ast.Constant)


def test_no_pattern_log_format_or_template_is_made_of_input() -> None:
    loose = set()
    for path in MODULES:
        name = source_tree.name_of(path)
        for call in source_tree.calls(path):
            said = ast.unparse(call.func)
            pattern = re.fullmatch(r"re\.(compile|match|fullmatch|search|sub|split|findall|finditer)", said)
            log = re.fullmatch(r"_?log(ger)?\.(debug|info|warning|error|exception|critical)", said)
            template = re.search(r"render_template_string|from_string$|(^|\.)Markup$", said)
            spared = (pattern and name in MADE_OF_CONSTANTS) or (log and name in FIXED_FORMATS)
            if (pattern or log or template) and not spared and not _is_written_out(call):
                loose.add(f"{name}:{call.lineno} {said}")
    assert loose == set()


#: The way to HTTP, to the mail server and to a receiver of syslog; ``sinks`` asks for the machine's name.
DOORS = {
    *("portal.http.deadline", "portal.http.guarded", "portal.http.outbound", "portal.http.pools"),
    *("portal.mail.delivery", "portal.watch.syslog"),
}
#: What an operator types may start a program: ``pg_dump`` makes the copy that ``pg_restore`` reads.
STARTS_A_PROGRAM = {"portal.cli.db_backup"}
_OUTWARDS = re.compile(
    r"(urllib3|requests|httpx|http\.client|urllib\.request|socket|smtplib|ftplib|asyncio|subprocess)\b"
)


def test_only_the_doors_speak_to_other_servers_and_no_request_starts_a_program() -> None:
    """The stand-ins of the demonstration and the simulator of Okta are other programs."""
    speaking = set()
    for path in MODULES:
        for node in ast.walk(source_tree.tree(path)):
            imported = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            imported += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(_OUTWARDS.match(name) for name in imported):
                speaking.add(source_tree.name_of(path))
    others = {name for name in speaking if name.startswith(("portal.sandbox.", "portal.okta.simulator."))}
    assert speaking - others == DOORS | {"portal.watch.sinks"} | STARTS_A_PROGRAM


@pytest.mark.parametrize("script", sorted((TOP / "static/js").glob("*.js")), ids=lambda path: path.name)
def test_a_script_writes_text_and_makes_no_code(script: Path) -> None:
    making = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|javascript:"
    assert not re.search(making, script.read_text())
