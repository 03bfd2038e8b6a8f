"""Answers, and the conditions under which a request wants one (RFC 7644 sections 3.9 and 3.14)."""

import json
from typing import Any

from flask import Response, request
from scim2_models import Context, PreconditionFailedException, Resource, ResponseParameters

from portal.scim import amounts
from portal.scim.schemas import POLICY

MEDIA_TYPE = "application/scim+json"


def document(body: Any, status: int = 200) -> Response:
    """Return ``body`` as SCIM's JSON; it is about people, so nobody stores it."""
    response = Response(json.dumps(body, ensure_ascii=False), status, content_type=MEDIA_TYPE)
    response.headers["Cache-Control"] = "no-store"
    return response


def resource(shown: Resource[Any], wanted: ResponseParameters[Any], status: int = 200) -> Response:
    """Return one resource with the attributes that the client asked for, and its entity tag."""
    assert shown.meta is not None
    context = Context.RESOURCE_CREATION_RESPONSE if status == 201 else Context.RESOURCE_QUERY_RESPONSE
    response = document(shown.model_dump(scim_ctx=context, response_parameters=wanted), status)
    if shown.meta.version:
        response.headers["ETag"] = shown.meta.version
    if status == 201 and shown.meta.location:
        response.headers["Location"] = shown.meta.location
    return response


def nothing(version: str | None = None) -> Response:
    """Return that it was done and there is no more to say (204)."""
    response = Response(status=204, content_type=MEDIA_TYPE)
    response.headers["Cache-Control"] = "no-store"
    if version:
        response.headers["ETag"] = version
    return response


def not_modified(version: str) -> Response:
    """Return that the client has this version already (304)."""
    response = Response(status=304, content_type=MEDIA_TYPE)
    response.headers["ETag"] = version
    response.headers["Cache-Control"] = "no-store"
    return response


def weak(text: str) -> str:
    """Return ``text`` as a weak entity tag."""
    return f'W/"{text}"'


def is_known(version: str) -> bool:
    """Say whether the client's ``If-None-Match`` names ``version``."""
    return bool(request.if_none_match) and request.if_none_match.contains_weak(_opaque(version))


def require_match(version: str) -> None:
    """Raise 412 if the client's ``If-Match`` names other versions than the present one.

    Our tags are weak, so they are compared weakly, as RFC 7644 section 3.14 shows it.
    """
    if request.if_match and not request.if_match.contains_weak(_opaque(version)):
        raise PreconditionFailedException(
            detail="The resource has changed since you read it. Read it again, then repeat the change."
        )


def wanted(model: Any) -> ResponseParameters[Any]:
    """Return which attributes of ``model`` the client asked for.

    Raises pydantic's ``ValidationError``, and ``InvalidValueException`` for more than there are.
    """
    given = {
        name: request.args[parameter]
        for name, parameter in (("attributes", "attributes"), ("excluded_attributes", "excludedAttributes"))
        if request.args.get(parameter)
    }
    amounts.require_few_names(given)
    with POLICY:
        found: ResponseParameters[Any] = ResponseParameters[model].model_validate(given)
    return found


def _opaque(version: str) -> str:
    return version.removeprefix("W/").strip('"')
