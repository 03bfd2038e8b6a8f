"""What the server says of itself: ``ServiceProviderConfig``, ``ResourceTypes`` and ``Schemas``.

All of it is computed from what enforces it (:mod:`portal.scim.schemas`). These addresses know no filter
(RFC 7644 section 4).
"""

from collections.abc import Sequence
from typing import Any

from flask import Response, request
from scim2_models import Context, ForbiddenException, ListResponse, Meta, NotFoundException

from portal.extensions import settings
from portal.scim import answers
from portal.scim.schemas import BASE, PROVIDER


def config() -> Response:
    """Return what the server can do; for anybody, so that a client learns how to come in (RFC 7643, 5)."""
    _refuse_filter()
    return answers.document(_dumped(PROVIDER.config, "ServiceProviderConfig", ""))


def resource_types() -> Response:
    """Return the kinds of resources there are."""
    return _listed(PROVIDER.resource_types, "ResourceType", "ResourceTypes")


def resource_type(name: str) -> Response:
    """Return one kind of resource; raises ``NotFoundException``."""
    return _one(PROVIDER.resource_types, "ResourceType", "ResourceTypes", name)


def schemas() -> Response:
    """Return every schema."""
    return _listed(PROVIDER.schemas, "Schema", "Schemas")


def schema(name: str) -> Response:
    """Return one schema; raises ``NotFoundException``."""
    return _one(PROVIDER.schemas, "Schema", "Schemas", name)


def _listed(found: Sequence[Any], kind: str, where: str) -> Response:
    _refuse_filter()
    return answers.document(
        {
            "schemas": [str(ListResponse.__schema__)],
            "totalResults": len(found),
            "startIndex": 1,
            "itemsPerPage": len(found),
            "Resources": [_dumped(one, kind, f"{where}/{one.id}") for one in found],
        }
    )


def _one(found: Sequence[Any], kind: str, where: str, name: str) -> Response:
    _refuse_filter()
    for one in found:
        if str(one.id).lower() == name.lower():
            return answers.document(_dumped(one, kind, f"{where}/{one.id}"))
    raise NotFoundException(detail=f"There is no {kind} of this name; {BASE}/{where} lists all.")


def _dumped(described: Any, kind: str, where: str) -> dict[str, Any]:
    at = f"{settings().issuer}{BASE}/{where or kind}"
    shown = described.model_copy(update={"meta": Meta(resource_type=kind, location=at)})
    dumped: dict[str, Any] = shown.model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE)
    return dumped


def _refuse_filter() -> None:
    if "filter" in request.args:
        raise ForbiddenException(detail="This address takes no filter.")
