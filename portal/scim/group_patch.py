"""PATCH on a group without reading its members: one more or one less is one row, however many there are.

scim2-models reads the request and judges it; what concerns members is done here in the database, the rest by
scim2-models on the group without them. Okta's ways: ``members[value eq "…"]`` to remove one, ``replace``
without a path to rename, ``replace`` of all members.
"""

from dataclasses import dataclass
from typing import Any

from scim2_models import (
    InvalidValueException,
    MutabilityException,
    NoTargetException,
    PatchOp,
    PatchOperation,
    Path,
)
from scim2_models.path import (
    CompareOperator,
    Comparison,
    FilterVisitor,
    LogicalExpr,
    LogicalOperator,
    Not,
    Present,
    ValuePath,
)

from portal.models import ScimGroup
from portal.scim import amounts, groups, members, schemas

_Op: Any = PatchOperation.Op
_GroupPath: Any = Path[schemas.Group]
_GroupPatch: Any = PatchOp[schemas.Group]
_NOT_CHANGED = "A membership is added or removed, not changed. Remove the one and add the other."


@dataclass
class Done:
    """What a PATCH did to the members, and how often it looked at one or wrote it."""

    added: int = 0
    removed: int = 0
    looks: int = 0
    removals: int = 0
    anew: int = 0

    def writes(self, named: list[str], *, removes: bool) -> None:
        """Count an operation on members; raises ``TooManyException``."""
        self.removals += removes
        self.anew += len(named) * max(1, self.removals)
        amounts.require_few_anew(self.anew)


def apply(group: ScimGroup, patch: Any) -> None:
    """Apply a PATCH to a group, locked; flushes. Raises what scim2-models raises for the same mistake."""
    done, rest = Done(), []
    for operation in patch.operations:
        others = _change_members(group, operation, done)
        if others is not None:
            rest.append(others)
    renamed = _change_the_rest(group, rest) if rest else False
    groups.note_change(group, renamed=renamed, added=done.added, removed=done.removed)


def _change_the_rest(group: ScimGroup, operations: list[dict[str, Any]]) -> bool:
    shown = groups.shown(group, with_members=False)
    _GroupPatch(operations=operations).patch(shown)
    return groups.rename(group, shown)


def _change_members(group: ScimGroup, operation: Any, done: Done) -> dict[str, Any] | None:
    """Do what an operation says about members and return what else it says."""
    if operation.path is None or _GroupPath(operation.path).model is not None:
        return _without_path(group, operation, done)
    if not _is_about_members(operation.path):
        return _plain(operation)
    node = _GroupPath(operation.path).ast
    if isinstance(node, ValuePath):
        _selected(group, operation, node, done)
    elif getattr(node, "sub_attr", None):
        raise MutabilityException(detail=_NOT_CHANGED)
    elif operation.op == _Op.remove and operation.value is None:
        done.writes([], removes=True)
        done.removed += members.remove_all(group.id)
    else:
        _write(group, operation.op, operation.value, done)
    return None


def _without_path(group: ScimGroup, operation: Any, done: Done) -> dict[str, Any]:
    """Take the members out of a value that names attributes itself."""
    if not isinstance(operation.value, dict):
        raise InvalidValueException(detail="Without a path, the value of an operation is an object.")
    rest = {}
    for name, value in operation.value.items():
        if name.lower() in ("members", f"{schemas.Group.__schema__}:members".lower()):
            _write(group, operation.op, value, done)
        else:
            rest[name] = value
    return {"op": operation.op.value, "value": rest}


def _plain(operation: Any) -> dict[str, Any]:
    kept = {"op": operation.op.value, "path": str(operation.path)}
    return kept if operation.op == _Op.remove else kept | {"value": operation.value}


def _is_about_members(path: Any) -> bool:
    binding = _GroupPath(path).resolve()
    return binding is not None and binding.field_name == "members"


def _write(group: ScimGroup, op: Any, value: Any, done: Done) -> None:
    named = _named_in(value)
    done.writes(named, removes=op != _Op.add)
    if op == _Op.remove:
        done.removed += members.remove(group.id, named)
    elif op == _Op.add:
        done.added += members.add(group.id, named)
    else:
        added, removed = members.replace(group.id, named)
        done.added, done.removed = done.added + added, done.removed + removed


def _named_in(value: Any) -> list[str]:
    """Return what names the members in a value: a list, one alone, or ``null`` for none."""
    if value is None:
        return []
    entries = value if isinstance(value, list) else [value]
    named = [_name_in(entry) for entry in entries]
    return [text for text in named if text is not None]


def _name_in(entry: Any) -> str:
    if isinstance(entry, dict):
        entry = {str(name).lower(): item for name, item in entry.items()}.get("value")
    if not isinstance(entry, str) or not entry:
        raise InvalidValueException(detail="A member is an object with a value: the id of a user.")
    return entry


def _selected(group: ScimGroup, operation: Any, node: ValuePath, done: Done) -> None:
    """Do what an operation says about the members that a filter selects."""
    if operation.op == _Op.remove and node.sub_attr is None:
        named = _Values().visit(node.val_filter)
        if named is None:
            named = _matching(group, operation.path, done)
        done.writes(named, removes=True)
        done.removed += members.remove(group.id, named)
        return
    if not _matching(group, operation.path, done):
        raise NoTargetException(detail="No member of the group matches the filter in the path.")
    raise MutabilityException(detail=_NOT_CHANGED)


def _matching(group: ScimGroup, path: Any, done: Done) -> list[str]:
    """Return which members a filter selects by looking at every one; nobody sends such filters."""
    text = str(path)
    done.looks += amounts.conditions(text) * members.count(group.id)
    amounts.require_quick_on_a_group(done.looks)
    selection = _GroupPath(text[: text.rindex("]") + 1])
    found = selection.get(groups.shown(group)) or []
    return groups.names_in(found)


class _Values(FilterVisitor[list[str] | None]):
    """Read the values that a filter compares with, where it does nothing else: ``None`` for any other."""

    def visit_comparison(self, node: Comparison) -> list[str] | None:
        named = node.attr_path.attr.lower() == "value" and node.attr_path.sub_attr is None
        if named and node.op == CompareOperator.eq and isinstance(node.value, str):
            return [node.value]
        return None

    def visit_logical_expr(self, node: LogicalExpr) -> list[str] | None:
        found = [self.visit(term) for term in node.terms]
        if node.op != LogicalOperator.or_ or any(some is None for some in found):
            return None
        return [text for some in found for text in some or ()]

    def visit_not(self, node: Not) -> list[str] | None:
        return None

    def visit_present(self, node: Present) -> list[str] | None:
        return None

    def visit_value_path(self, node: ValuePath) -> list[str] | None:
        return None
