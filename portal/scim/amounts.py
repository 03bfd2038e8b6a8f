"""How much one request may bring about one person or group, and have done with it.

A directory knows a handful of addresses of a person. What looks at each entry for each operation takes time
by their product, in one request, while others wait for the row (with SQLite: for the database); so the
entries are limited where they come in, and the product where a PATCH is applied. Members of groups are rows
of their own, as many as there are; only how often a filter may look through all of them is limited.

Who was described before there was a limit is shown as they are, and may become fewer.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic.alias_generators import to_camel
from scim2_models import InvalidValueException, PatchOperation, TooManyException

from portal.scim import schemas

#: Of one attribute of one person, such as ``emails``: ten times what a directory has.
MOST_ENTRIES = 50
#: Conditions of a PATCH on a person times entries that they may look at: one or two seconds' work.
MOST_COMPARISONS = 5_000
#: Conditions of a PATCH on a person: every operation has one, and its filter one more for each of these.
MOST_CONDITIONS = 1_000
#: The same of a group, where every member to remove may be an operation of its own.
MOST_CONDITIONS_ON_A_GROUP = 2_000
#: Conditions of a PATCH on a group times members that they look through: two or three seconds' work.
MOST_LOOKS_AT_MEMBERS = 100_000
#: Members that a PATCH on a group names, each times how many operations have removed some up to then: enough
#: for one by one, and for all at once. In one transaction PostgreSQL goes past every row that was removed
#: before: 100 members replaced a thousand times took it two minutes.
MOST_MEMBERS_ANEW = 2_500_000
#: What an answer may be asked to hold, or not: the schemas have about a hundred names.
MOST_NAMES = 250
# No space need be before the words, nor behind them: a bracket or the end of a text will do.
_MORE_CONDITIONS = re.compile(r"(?:and|or)\b|\(", re.IGNORECASE)
#: A text that does not end is one to the end, or each quotation mark in it would be looked at anew.
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*+\\?(?:"|$)', re.DOTALL)
_ADD: Any = PatchOperation.Op.add
#: Those that a person may have several entries of; what groups they are in, the groups say.
_ATTRIBUTES = frozenset(
    str(attribute.name)
    for attribute in schemas.FullUser.to_schema().attributes
    if attribute.multi_valued and attribute.name != "groups"
)
_KEYS = frozenset(name.lower() for name in _ATTRIBUTES)


def of(shown: Any) -> dict[str, int]:
    """Return how many entries a SCIM user has of each attribute that may have several."""
    found = {to_camel(field): getattr(shown, field) for field in type(shown).model_fields}
    return {name: len(found.get(name) or ()) for name in _ATTRIBUTES}


def require_few(shown: Any, before: dict[str, int] | None = None) -> None:
    """Raise ``InvalidValueException`` if ``shown`` has too many entries, and more than it had ``before``."""
    for name, many in of(shown).items():
        if many > max(MOST_ENTRIES, (before or {}).get(name, 0)):
            raise _too_many(name)


def require_few_in(operations: Sequence[Any]) -> None:
    """Raise ``InvalidValueException`` if an operation brings too many entries, or their filters are long.

    ``operations`` are as they came, their names in small letters: reading a long filter takes time already.
    """
    _require_short(operations, "user", MOST_CONDITIONS)
    for operation in operations:
        for name, entries in _lists(operation.get("value"), "An attribute"):
            if len(entries) > MOST_ENTRIES:
                raise _too_many(name)


def require_short_on_a_group(operations: Sequence[Any]) -> None:
    """Raise ``InvalidValueException`` if the filters in ``operations``, as they came, take long to read."""
    _require_short(operations, "group", MOST_CONDITIONS_ON_A_GROUP)


def require_few_names(given: Mapping[str, Any]) -> None:
    """Raise ``InvalidValueException`` if a client names more attributes, to see or not to see, than exist."""
    for named in given.values():
        many = len(named) if isinstance(named, list) else str(named).count(",") + 1
        if many > MOST_NAMES:
            raise InvalidValueException(detail=f"At most {MOST_NAMES} attributes can be named.")


def require_quick(operations: Sequence[Any], shown: Any) -> None:
    """Raise ``TooManyException`` if applying ``operations`` to ``shown`` would take too long."""
    entries = sum(of(shown).values()) + sum(_brought(operation) for operation in operations)
    if sum(conditions(operation.path) for operation in operations) * entries > MOST_COMPARISONS:
        raise TooManyException(
            detail="The user has too many entries for so many operations. Send fewer in one PATCH, or a PUT."
        )


def require_quick_on_a_group(looks: int) -> None:
    """Raise ``TooManyException`` if the conditions of a PATCH look at members so many times."""
    if looks > MOST_LOOKS_AT_MEMBERS:
        raise TooManyException(
            detail="The group has too many members for such a filter. Name them by their values."
        )


def require_few_anew(members: int) -> None:
    """Raise ``TooManyException`` if a PATCH on a group writes members so many times (the count is above)."""
    if members > MOST_MEMBERS_ANEW:
        raise TooManyException(
            detail="The operations write the group's members too often. Send fewer of them, or a PUT."
        )


def conditions(path: Any) -> int:
    """Return how many conditions a path has, or a few more: what is in brackets counts for one besides."""
    return 1 + len(_MORE_CONDITIONS.findall(_QUOTED.sub("", str(path or ""))))


def _require_short(operations: Sequence[Any], what: str, most: int) -> None:
    if sum(_written(operation) for operation in operations) > most:
        raise InvalidValueException(
            detail=f"The filters of a PATCH on a {what} have at most {most} conditions."
        )


def _too_many(name: str) -> InvalidValueException:
    return InvalidValueException(detail=f"{name} of a user has at most {MOST_ENTRIES} entries.")


def _written(operation: dict[str, Any]) -> int:
    """Return the conditions of an operation, also of those paths that are names in its value."""
    value = operation.get("value")
    names = value if isinstance(value, dict) else ()
    return conditions(operation.get("path")) + sum(conditions(name) - 1 for name in names)


def _brought(operation: Any) -> int:
    lists = [len(entries) for _, entries in _lists(operation.value, "")]
    return sum(lists) if lists else int(operation.op == _ADD)


def _lists(value: Any, name: str) -> Iterator[tuple[str, list[Any]]]:
    """Return the entries in the value of an operation; also where it names the attributes itself."""
    if isinstance(value, list):
        yield name, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            # With the schema before it, or the schema alone around it, it is the same attribute.
            short = key.rpartition(":")[2]
            if short.lower() in _KEYS or isinstance(inner, dict):
                yield from _lists(inner, short)
