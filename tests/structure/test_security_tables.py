"""The security tables name code and tests: each exists, and every claim has something to show."""

import re

import pytest

from tests.support.machine import TOP

TABLES = ("docs/asvs.md", "docs/rfc9700.md")
_TEST = re.compile(r"`((?:[a-z_0-9]+/)+test_\w+\.py)(?:::(test_\w+))?`")
_CODE = re.compile(r"`((?:[a-z_0-9]+/)*(?!test_)[a-z_0-9]+\.py)`")
_FILE = re.compile(r"`((?:docs|config|static)/[\w./-]+)`")
_STATES = {"met", "part", "no", "n/a"}

each_table = pytest.mark.parametrize("table", TABLES)


def _text(table):
    return (TOP / table).read_text()


def _rows(table):
    for line in _text(table).splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and cells[0] not in ("line", "section") and not cells[0].startswith("---"):
            yield cells


@each_table
def test_every_test_that_is_named_exists(table):
    named = _TEST.findall(_text(table))
    assert len(named) > 20
    for path, function in named:
        file = TOP / "tests" / path
        assert file.is_file(), path
        assert not function or f"def {function}(" in file.read_text(), f"{path}::{function}"


@each_table
def test_every_module_and_file_that_is_named_exists(table):
    for path in _CODE.findall(_text(table)):
        assert (TOP / "portal" / path).is_file() or (TOP / "tests" / path).is_file(), path
    for path in _FILE.findall(_text(table)):
        assert (TOP / path).exists(), path


@each_table
def test_every_line_has_a_state_and_what_is_not_met_says_why(table):
    rows = list(_rows(table))
    assert len(rows) > 20
    for cells in rows:
        assert len(cells) == 5, cells
        state = cells[2].strip("*")
        assert state in _STATES, cells
        if state != "n/a":
            assert cells[3] or cells[4], cells
