"""Okta's ``search`` and ``filter`` expressions, as far as its APIs are asked with them here (pure).

``profile.login eq "a@b"``, ``status eq "ACTIVE" and lastUpdated gt "2026-01-01T00:00:00.000Z"``,
``eventType eq "a" or eventType eq "b"``, with parentheses.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

Condition = Callable[[Mapping[str, Any]], bool]

_TOKEN = re.compile(r'\s*(?:(?P<string>"(?:[^"\\]|\\.)*")|(?P<mark>[()])|(?P<word>[^\s()"]+))')
_LONGEST = 4_000


class FilterError(Exception):
    """The expression is not one that Okta would take."""


def condition(expression: str) -> Condition:
    """Return the test that ``expression`` asks for, over JSON objects; raises :class:`FilterError`."""
    if len(expression) > _LONGEST:
        raise FilterError("too long")
    tokens: list[str] = []
    position = 0
    while expression[position:].strip():
        match = _TOKEN.match(expression, position)
        if match is None:
            raise FilterError("not understood")
        tokens.append(match.group(0).strip())
        position = match.end()
    reader = _Reader(tokens)
    found = reader.either()
    if reader.tokens:
        raise FilterError("something is left over")
    return found


class _Reader:
    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens

    def either(self) -> Condition:
        options = [self.both()]
        while self._next_is("or"):
            options.append(self.both())
        return lambda document: any(option(document) for option in options)

    def both(self) -> Condition:
        parts = [self.single()]
        while self._next_is("and"):
            parts.append(self.single())
        return lambda document: all(part(document) for part in parts)

    def single(self) -> Condition:
        if self._next_is("("):
            inside = self.either()
            if not self._next_is(")"):
                raise FilterError("a parenthesis is open")
            return inside
        if len(self.tokens) < 2:
            raise FilterError("it ends too early")
        path, operator = self.tokens.pop(0), self.tokens.pop(0).lower()
        if operator == "pr":
            return lambda document: bool(_values(document, path))
        if not self.tokens:
            raise FilterError("a value is missing")
        test = _test(operator, _literal(self.tokens.pop(0)))
        return lambda document: any(test(value) for value in _values(document, path))

    def _next_is(self, word: str) -> bool:
        if self.tokens and self.tokens[0].lower() == word:
            self.tokens.pop(0)
            return True
        return False


def _literal(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise FilterError("the value is neither quoted nor a number") from error


def _test(operator: str, wanted: Any) -> Callable[[Any], bool]:
    if operator in {"eq", "ne"}:
        return lambda value: (_folded(value) == _folded(wanted)) is (operator == "eq")
    if not isinstance(wanted, str):
        raise FilterError("this comparison is made with text")
    text = wanted.casefold()
    tests: dict[str, Callable[[str], bool]] = {
        "sw": lambda value: value.startswith(text),
        "co": lambda value: text in value,
        "gt": lambda value: value > text,
        "ge": lambda value: value >= text,
        "lt": lambda value: value < text,
        "le": lambda value: value <= text,
    }
    if operator not in tests:
        raise FilterError(f"there is no operator {operator}")
    return lambda value: isinstance(value, str) and tests[operator](value.casefold())


def _folded(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


def _values(document: Any, path: str) -> list[Any]:
    """Return what stands at a dotted path, in every element where a list is passed."""
    found = [document]
    for name in path.split("."):
        deeper: list[Any] = []
        for one in found:
            for each in one if isinstance(one, list) else [one]:
                if isinstance(each, Mapping) and each.get(name) is not None:
                    deeper.append(each[name])
        found = deeper
    return [each for one in found for each in (one if isinstance(one, list) else [one])]
