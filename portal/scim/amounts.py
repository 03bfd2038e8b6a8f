"""How much one request may bring about one person, and have done with it.

A directory knows a handful of addresses of a person. What looks at each entry for each operation takes time
by their product, in one request, while others wait for the row (with SQLite: for the database); so the
entries are limited where they come in, and the product where a PATCH is applied. Members of groups are rows
of their own, and not meant here.

Who was described before there was a limit is shown as they are, and may become fewer.
"""

import re
from collections.abc import Iterator, Sequence
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
_MORE_CONDITIONS = re.compile(r"\s(?:and|or)\b", re.IGNORECASE)
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
    if sum(_written(operation) for operation in operations) > MOST_CONDITIONS:
        raise InvalidValueException(
            detail=f"The filters of a PATCH on a user have at most {MOST_CONDITIONS} conditions."
        )
    for operation in operations:
        for name, entries in _lists(operation.get("value"), "An attribute"):
            if len(entries) > MOST_ENTRIES:
                raise _too_many(name)


def require_quick(operations: Sequence[Any], shown: Any) -> None:
    """Raise ``TooManyException`` if applying ``operations`` to ``shown`` would take too long."""
    entries = sum(of(shown).values()) + sum(_brought(operation) for operation in operations)
    if sum(_conditions(operation.path) for operation in operations) * entries > MOST_COMPARISONS:
        raise TooManyException(
            detail="The user has too many entries for so many operations. Send fewer in one PATCH, or a PUT."
        )


def _too_many(name: str) -> InvalidValueException:
    return InvalidValueException(detail=f"{name} of a user has at most {MOST_ENTRIES} entries.")


def _written(operation: dict[str, Any]) -> int:
    """Return the conditions of an operation, also of those paths that are names in its value."""
    value = operation.get("value")
    names = value if isinstance(value, dict) else ()
    return _conditions(operation.get("path")) + sum(_conditions(name) - 1 for name in names)


def _conditions(path: Any) -> int:
    return 1 + len(_MORE_CONDITIONS.findall(str(path or "")))


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
