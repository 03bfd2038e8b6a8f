"""Filters as conditions in SQL, as far as the tables know what is asked (RFC 7644 section 3.4.2.2).

A condition that says less than its filter still narrows the search; scim2-models then looks at the rest.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from scim2_models import InvalidFilterException, ScimFilter
from scim2_models.path import (
    CompareOperator,
    Comparison,
    FilterVisitor,
    LogicalExpr,
    LogicalOperator,
    Not,
    Present,
    ValuePath,
    coerce_value,
)
from sqlalchemy import ColumnElement, and_, exists, false, func, not_, or_, select, true

from portal.models import HoldReason, ScimGroup, ScimMember, ScimUser, User, UserHold
from portal.scim import entrance
from portal.users import details

_Op = CompareOperator
#: Longer filters are no client's, and a database's expressions do not nest without end.
LONGEST = 4096
_MOST_COMPARISONS = 60


class Condition(NamedTuple):
    """A condition, and whether it says all that the filter says."""

    sql: ColumnElement[bool]
    exact: bool


#: Takes operator and value; ``None`` where the tables do not know.
Translator = Callable[[CompareOperator, Any], ColumnElement[bool] | None]
#: By names of the attribute and its part, as scim2-models has them.
Translators = Mapping[tuple[str, str | None], Translator]

_UNKNOWN = Condition(true(), exact=False)


def check(text: str | None) -> None:
    """Raise ``InvalidFilterException`` for a filter that is not worth parsing."""
    if text is not None and len(text) > LONGEST:
        raise InvalidFilterException(detail=f"A filter has at most {LONGEST} characters.")


def condition(wanted: ScimFilter[Any] | None, translators: Translators) -> Condition:
    """Return the condition for a filter that is bound to one model."""
    if wanted is None:
        return Condition(true(), exact=True)
    translator = _Translator(wanted, translators)
    found = translator.visit(wanted.ast)
    return found if translator.comparisons <= _MOST_COMPARISONS else _UNKNOWN


class _Translator(FilterVisitor[Condition]):
    def __init__(self, wanted: ScimFilter[Any], translators: Translators) -> None:
        self.wanted = wanted
        self.translators = translators
        self.comparisons = 0

    def visit_comparison(self, node: Comparison) -> Condition:
        self.comparisons += 1
        binding = self.wanted.resolve_comparison(node.attr_path, strict=False)
        if binding is None or binding.model is not self.wanted.model or node.value is None:
            return _UNKNOWN
        translator = self.translators.get((binding.field_name, binding.sub_field_name))
        value = coerce_value(binding, node.value, node.op)
        if translator is None or (isinstance(value, str) and not entrance.is_text(value)):
            return _UNKNOWN
        sql = translator(node.op, value)
        return _UNKNOWN if sql is None else Condition(sql, exact=True)

    def visit_logical_expr(self, node: LogicalExpr) -> Condition:
        found = [self.visit(term) for term in node.terms]
        exact = all(one.exact for one in found)
        if node.op == LogicalOperator.and_:
            return Condition(and_(*(one.sql for one in found)), exact)
        return Condition(or_(*(one.sql for one in found)), exact) if exact else _UNKNOWN

    def visit_not(self, node: Not) -> Condition:
        found = self.visit(node.expr)
        if not found.exact:
            return _UNKNOWN
        # What is NULL does not match, so its opposite does.
        return Condition(not_(func.coalesce(found.sql, false())), exact=True)

    def visit_present(self, node: Present) -> Condition:
        self.comparisons += 1
        return _UNKNOWN

    def visit_value_path(self, node: ValuePath) -> Condition:
        self.comparisons += 1
        return _UNKNOWN


def _text(column: Any, key: Callable[[str], str]) -> Translator:
    def translate(op: CompareOperator, value: Any) -> ColumnElement[bool] | None:
        text = key(value)
        conditions: dict[CompareOperator, Callable[[], ColumnElement[bool]]] = {
            _Op.eq: lambda: column == text,
            _Op.ne: lambda: column != text,
            _Op.co: lambda: column.contains(text, autoescape=True),
            _Op.sw: lambda: column.startswith(text, autoescape=True),
            _Op.ew: lambda: column.endswith(text, autoescape=True),
        }
        return conditions[op]() if op in conditions else None

    return translate


def _moment(column: Any) -> Translator:
    def translate(op: CompareOperator, value: Any) -> ColumnElement[bool] | None:
        if not isinstance(value, datetime):
            return None
        try:
            at = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        except OverflowError:
            return None
        conditions: dict[CompareOperator, ColumnElement[bool]] = {
            _Op.eq: column == at, _Op.ne: column != at, _Op.gt: column > at,
            _Op.ge: column >= at, _Op.lt: column < at, _Op.le: column <= at,
        }  # fmt: skip
        return conditions.get(op)

    return translate


def _equal(build: Callable[[str], ColumnElement[bool]]) -> Translator:
    return lambda op, value: build(value) if op == _Op.eq and isinstance(value, str) else None


def _active(op: CompareOperator, value: Any) -> ColumnElement[bool] | None:
    if op not in (_Op.eq, _Op.ne) or not isinstance(value, bool):
        return None
    held = exists().where(UserHold.user_id == User.id, UserHold.reason == HoldReason.SCIM_INACTIVE.value)
    return held if value is (op == _Op.ne) else not_(held)


def _external_id(text: str) -> ColumnElement[bool]:
    described = exists().where(ScimUser.user_id == User.id)
    with_it = select(ScimUser.user_id).where(ScimUser.external_id == text)
    return or_(User.id.in_(with_it), and_(User.okta_id == text, not_(described)))


def _email(text: str) -> ColumnElement[bool]:
    key = details.key_of(text)
    others = select(ScimUser.user_id).where(ScimUser.other_emails.contains(f"\n{key}\n", autoescape=True))
    return or_(User.email_key == key, User.id.in_(others))


def _in_group(group_id: str) -> ColumnElement[bool]:
    return exists().where(ScimMember.user_id == User.id, ScimMember.group_id == group_id)


def _has_member(member: str) -> ColumnElement[bool]:
    return exists().where(ScimMember.group_id == ScimGroup.id, ScimMember.member == member)


USERS: Translators = {
    ("id", None): _equal(lambda text: User.id == text),
    ("user_name", None): _text(User.login_key, details.key_of),
    ("external_id", None): _equal(_external_id),
    ("active", None): _active,
    ("emails", "value"): _equal(_email),
    ("groups", "value"): _equal(_in_group),
    ("meta", "created"): _moment(User.created_at),
    ("meta", "last_modified"): _moment(User.updated_at),
}
GROUPS: Translators = {
    ("id", None): _equal(lambda text: ScimGroup.id == text),
    ("display_name", None): _text(ScimGroup.display_key, details.key_of),
    ("external_id", None): _equal(lambda text: ScimGroup.external_id == text),
    ("members", "value"): _equal(_has_member),
    ("meta", "created"): _moment(ScimGroup.created_at),
    ("meta", "last_modified"): _moment(ScimGroup.updated_at),
}
