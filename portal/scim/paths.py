"""Reading a PATCH: scim2-models does, with one rule more.

What a value holds beyond the schema is dropped, as in a PUT. A *path* beyond the schema is refused: it is
all that its operation is about, and "done" would not be true.
"""

from typing import Any

from scim2_models import Context, InvalidPathException, InvalidValueException, Path

from portal.scim import schemas

_MOST_OPERATIONS = 1000


def read(patch: Any, model: Any, document: dict[str, Any]) -> Any:
    """Return the PATCH in ``document``; raises scim2-models' exceptions or a ``ValidationError``."""
    given = next((value for name, value in document.items() if name.lower() == "operations"), None)
    if isinstance(given, list) and len(given) > _MOST_OPERATIONS:
        raise InvalidValueException(detail=f"A PATCH has at most {_MOST_OPERATIONS} operations.")
    operations = patch.model_validate(
        document, scim_ctx=Context.RESOURCE_PATCH_REQUEST, scim_policy=schemas.POLICY
    )
    for operation in operations.operations or ():
        if operation.path:
            _require_known(Path[model](operation.path))
    return operations


def _require_known(path: Any) -> None:
    if path.model is None and path.resolve() is None:
        raise InvalidPathException(detail="The path names an attribute that the schema does not have.")
