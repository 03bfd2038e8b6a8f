"""Reading and applying a PATCH: scim2-models does, with two rules more.

What a value holds beyond the schema is dropped, as in a PUT. A *path* beyond the schema is refused: it is
all that its operation is about, and "done" would not be true.

An ``add`` to ``emails[type eq "work"].value`` adds the address where there is none of that type: so Entra
brings one in (https://learn.microsoft.com/en-us/answers/questions/1684621/), and RFC 7644 section 3.5.2.1
has an ``add`` create what is not there. A ``replace`` whose filter selects nothing stays ``noTarget``
(section 3.5.2.3), and so does an ``add`` whose filter says more than which kind of entry is meant.
"""

from itertools import groupby
from typing import Any

from scim2_models import Context, InvalidPathException, InvalidValueException, PatchOperation, Path
from scim2_models.path import CompareOperator, Comparison, LogicalExpr, LogicalOperator

from portal.scim import amounts, schemas

_MOST_OPERATIONS = 1000
_Op: Any = PatchOperation.Op
_UserPath: Any = Path[schemas.FullUser]
#: What says which kind an entry is; the rest is the entry.
_KINDS = frozenset({"type", "primary"})


def read(patch: Any, model: Any, document: dict[str, Any]) -> Any:
    """Return the PATCH in ``document``; raises scim2-models' exceptions or a ``ValidationError``."""
    given = next((value for name, value in document.items() if name.lower() == "operations"), None)
    if isinstance(given, list) and len(given) > _MOST_OPERATIONS:
        raise InvalidValueException(detail=f"A PATCH has at most {_MOST_OPERATIONS} operations.")
    if isinstance(given, list):
        require = amounts.require_few_in if model is schemas.FullUser else amounts.require_short_on_a_group
        require([_lower(operation) for operation in given if isinstance(operation, dict)])
    operations = patch.model_validate(
        document, scim_ctx=Context.RESOURCE_PATCH_REQUEST, scim_policy=schemas.POLICY
    )
    for operation in operations.operations or ():
        if operation.path:
            _require_known(Path[model](operation.path))
    return operations


def apply(patch: Any, user: Any) -> None:
    """Apply a PATCH that :func:`read` returned to the SCIM user ``user``; raises scim2-models' exceptions.

    ``TooManyException`` is one of them: operations times entries would take too long.
    Where it raises, some of the operations may have been applied to ``user``, which is then of no use.
    """
    amounts.require_quick(patch.operations, user)
    for describes, some in groupby(patch.operations, key=_describes_an_entry):
        part = patch.model_copy(update={"operations": list(some)})
        part.patch(user, schemas.DESCRIBING if describes else schemas.POLICY)


def external_id_in(patch: Any) -> str | None:
    """Return the external id that a PATCH, as :func:`read` returned it, is about to give, if it does."""
    given = None
    for operation in patch.operations or ():
        named = operation.value if operation.path is None else {str(operation.path): operation.value}
        given = _external_id(named) or given
    return given


def _external_id(values: Any) -> str | None:
    """Return the external id among named values, also with the schema before it or around it."""
    for name, value in values.items() if isinstance(values, dict) else ():
        if name.rpartition(":")[2].lower() == "externalid" and isinstance(value, str):
            return value
        if name.lower() == str(schemas.User.__schema__).lower() and (found := _external_id(value)):
            return found
    return None


def _describes_an_entry(operation: Any) -> bool:
    """Say whether an operation adds to the entry of a kind, such as ``emails[type eq "work"].value``."""
    if operation.op != _Op.add or not operation.path:
        return False
    path = _UserPath(operation.path)
    condition, binding = path.value_filter, path.resolve()
    if condition is None or binding is None or binding.sub_field_name in (None, "display", *_KINDS):
        return False
    both = isinstance(condition, LogicalExpr) and condition.op == LogicalOperator.and_
    terms = condition.terms if both else (condition,)
    return all(
        isinstance(term, Comparison)
        and term.op == CompareOperator.eq
        and term.attr_path.sub_attr is None
        and term.attr_path.attr.lower() in _KINDS
        for term in terms
    )


def _lower(operation: dict[str, Any]) -> dict[str, Any]:
    return {name.lower(): value for name, value in operation.items()}


def _require_known(path: Any) -> None:
    if path.model is None and path.resolve() is None:
        raise InvalidPathException(detail="The path names an attribute that the schema does not have.")
