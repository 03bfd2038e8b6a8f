"""No regular expression of the portal takes long over a hostile text.

Two ways of looking: no repetition without end lies inside another one, which is what makes matching
exponential; and every pattern is run over long texts made of its own kind of letters, which also shows what
is merely quadratic.
"""

import ast
import re
import time
from re import _constants, _parser
from typing import Any

import pytest

from tests.structure import source_tree

_FUNCTIONS = ("compile", "match", "fullmatch", "search", "sub", "split", "findall", "finditer")
_LENGTH = 20_000
#: A hundred times what a linear pattern takes, and a fifth of what a quadratic one does.
_SECONDS = 1.0
_PUMPS = (
    "a",
    "A",
    "0",
    "-",
    ".",
    " ",
    "%",
    "=",
    "a.",
    "a-",
    "a@",
    "eyJaaaa.",
    "Bearer ",
    "code=",
    "\t",
    "é",
    "((",
)


def _patterns() -> dict[str, str]:
    """Return every pattern that is written in a call of ``re``, by where it stands."""
    found = {}
    for path in source_tree.modules():
        for call in source_tree.calls(path):
            function = call.func
            if not (isinstance(function, ast.Attribute) and getattr(function.value, "id", "") == "re"):
                continue
            written = call.args[0] if function.attr in _FUNCTIONS and call.args else None
            if isinstance(written, ast.Constant) and isinstance(written.value, str):
                found[f"{source_tree.name_of(path)}:{call.lineno}"] = written.value
    return found


PATTERNS = _patterns()


def _unbounded_inside(parsed: Any, inside: bool = False) -> bool:
    for kind, value in parsed:
        endless = kind in (_constants.MAX_REPEAT, _constants.MIN_REPEAT) and value[1] == _constants.MAXREPEAT
        if endless and inside:
            return True
        if any(_unbounded_inside(part, inside or endless) for part in _parts(kind, value)):
            return True
    return False


def _parts(kind: Any, value: Any) -> list[Any]:
    if kind is _constants.BRANCH:
        return list(value[1])
    if kind is _constants.SUBPATTERN:
        return [value[3]]
    if kind in (_constants.MAX_REPEAT, _constants.MIN_REPEAT):
        return [value[2]]
    if kind in (_constants.ASSERT, _constants.ASSERT_NOT):
        return [value[1]]
    return []


def test_the_patterns_are_found() -> None:
    assert len(PATTERNS) > 40


def test_an_exponential_pattern_would_be_seen() -> None:
    assert _unbounded_inside(_parser.parse("(a+)+b"))
    assert _unbounded_inside(_parser.parse("(?:x|(a*)*)b"))
    assert not _unbounded_inside(_parser.parse("a+(b{1,9})+"))


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_no_repetition_without_end_is_inside_another(pattern: str) -> None:
    assert not _unbounded_inside(_parser.parse(pattern))


#: What reads the operator's own settings is left out: whoever writes them has other ways.
STRANGERS = {where: pattern for where, pattern in PATTERNS.items() if not where.startswith("portal.settings")}


@pytest.mark.parametrize("pattern", STRANGERS.values(), ids=STRANGERS)
def test_a_long_text_is_matched_in_time(pattern: str) -> None:
    compiled = re.compile(pattern, re.IGNORECASE)
    for pump in _PUMPS:
        text = (pump * _LENGTH)[:_LENGTH] + "\x00!"
        began = time.process_time()
        compiled.search(text)
        compiled.fullmatch(text)
        assert time.process_time() - began < _SECONDS, f"slow over {pump!r}"
