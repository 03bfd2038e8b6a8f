"""The rules of the house that no linter knows."""

import ast
import re

import pytest

from portal.audit.events import Event
from tests.structure import source_tree
from tests.support.machine import TOP

MODULES = source_tree.modules()
LONGEST_FILE = 400

#: Endpoints, commands and the outbox worker commit; services only flush.
MAY_COMMIT = re.compile(
    r"""portal\.(
        cli\.\w+
      | outbox\.(worker|schedule)
      | oidc(\.(authorize|token|userinfo|revocation|par|server|client_authentication))?
      | oidc\.(opening|issuing|redemption)  # each is a commit by itself
      | grants\.pushed  # so is keeping what was pushed
      | capture\.(pages|result|webhook)
      | enrolment\.(entrance|finishing|proof|new_link)
      | web\.journeys
      | okta\.hook
      | okta\.registration  # worked off by the worker, with calls between its steps
      | scim\.(entrance|user_views|group_views)
      | health
      | records  # so that nothing is locked while another server is waited for, on a caller's word
      | statements  # ends the transaction that it was asked for, which is none of the session's
      | one_writer  # is the driver's connection itself
    )""",
    re.VERBOSE,
)

#: What a name must not be made of if its value goes into a log line, an audit field or an exception.
SECRET = re.compile(r"secret|password|token|api_key|private|assertion|authorization$|^code$|cookie|signature")


@pytest.mark.parametrize("path", MODULES, ids=source_tree.name_of)
def test_only_endpoints_commands_and_the_worker_commit(path):
    if MAY_COMMIT.fullmatch(source_tree.name_of(path)):
        return
    for call in source_tree.calls(path):
        commits = isinstance(call.func, ast.Attribute) and call.func.attr == "commit"
        assert not commits, f"line {call.lineno}: a service flushes, its caller commits"


@pytest.mark.parametrize("path", MODULES, ids=source_tree.name_of)
def test_a_file_is_short_enough_to_be_read_at_once(path):
    assert len(path.read_text().splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("path", MODULES, ids=source_tree.name_of)
def test_a_module_says_what_it_is(path):
    assert ast.get_docstring(source_tree.tree(path)), "a module begins with a docstring"
    assert path.stem not in ("utils", "util", "helpers", "misc", "common_utils"), "a name says what is inside"


@pytest.mark.parametrize("path", MODULES, ids=source_tree.name_of)
def test_no_log_line_or_audit_record_is_given_a_secret(path):
    for call in source_tree.calls(path):
        if not _is_log_call(call):
            continue
        # An error's code is one of a list that the specifications publish.
        keywords = [keyword for keyword in call.keywords if keyword.arg != "error"]
        values = [*call.args[1:], *_values_of(keywords)]
        for value in values:
            for node in ast.walk(value):
                name = getattr(node, "id", None) or getattr(node, "attr", None) or ""
                assert not SECRET.search(name), f"line {call.lineno} gives {name} to a log"


def test_every_audit_event_is_recorded_somewhere():
    used = {
        node.attr
        for path in MODULES
        for node in ast.walk(source_tree.tree(path))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Event"
    }
    assert {event.name for event in Event} - used == set(), "an event that nothing records"


def test_audit_events_have_labels_of_one_form_and_no_field_for_a_secret():
    labels = [event.label for event in Event]
    assert len(labels) == len(set(labels))
    for event in Event:
        assert re.fullmatch(r"[a-z_]+:[a-z]+:[a-z-]+", event.label), event.label
        assert len(event.label) <= 64
        for field in event.fields:
            assert not SECRET.search(field) or field == "code_revoked", f"{event.label} carries {field}"


TEMPLATES = {str(path.relative_to(TOP)): path for path in sorted((TOP / "templates").rglob("*.*"))}


@pytest.mark.parametrize("path", TEMPLATES.values(), ids=TEMPLATES)
def test_a_template_begins_with_a_comment_that_says_what_it_is_given(path):
    assert path.read_text().lstrip().startswith("{#")


#: Written so that this file does not hold what it forbids.
UNFINISHED = re.compile(r"\b(TO[D]O|FIX[M]E|XX[X])\b")
HOSTS = r"py[p]i\.org|registry\.np[m]js"
LOCAL = re.compile(rf"(?<![\w.-])/(wor[k]|roo[t]|opt/py[p]i|opt/whee[l]s|home/\w+)/|{HOSTS}")


@pytest.mark.parametrize("pattern", [UNFINISHED, LOCAL], ids=["unfinished", "local"])
def test_nothing_in_the_repository_is_left_unfinished_or_names_one_machine(pattern):
    found = [
        f"{path.relative_to(TOP)}:{number}: {line.strip()[:100]}"
        for path in source_tree.files_of_the_repository()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


def _is_log_call(call: ast.Call) -> bool:
    if isinstance(call.func, ast.Name):
        return call.func.id == "record"
    levels = ("debug", "info", "warning", "error", "exception", "critical", "log")
    return (
        isinstance(call.func, ast.Attribute)
        and call.func.attr in levels
        and isinstance(call.func.value, ast.Name)
        and "log" in call.func.value.id
    )


def _values_of(keywords: list[ast.keyword]) -> list[ast.expr]:
    given = [keyword.value for keyword in keywords]
    return [part for value in given for part in (value.values if isinstance(value, ast.Dict) else [value])]
