"""``/scim/v2/Groups``: list, create, get, replace, patch, delete."""

from collections.abc import Sequence
from typing import Any

from flask import Response, request
from flask.views import MethodView
from scim2_models import Context, PatchOp

from portal.extensions import db, settings
from portal.models import ScimGroup
from portal.scim import answers, entrance, filters, group_patch, groups, listing, paths, schemas, user_views

_Patch: Any = PatchOp[schemas.Group]


def _show(rows: Sequence[ScimGroup], with_members: bool) -> list[Any]:
    return [groups.shown(group, with_members=with_members) for group in rows]


LIST = listing.Kind(
    model=schemas.Group,
    table=ScimGroup,
    visible=listing.ALL_GROUPS,
    translators=filters.GROUPS,
    sorted_by={
        ("id", None): ScimGroup.id,
        ("display_name", None): ScimGroup.display_key,
        ("meta", "created"): ScimGroup.created_at,
        ("meta", "last_modified"): ScimGroup.updated_at,
    },
    show=_show,
    costly="members",
)


class Groups(MethodView):
    """All groups."""

    def get(self) -> Response:
        """Return a page of them."""
        return listing.answer(LIST)

    def post(self) -> Response:
        """Add a group (201), or say that the name is taken (409)."""
        wanted = answers.wanted(schemas.Group)
        shown = schemas.Group.model_validate(
            _body(), scim_ctx=Context.RESOURCE_CREATION_REQUEST, scim_policy=schemas.POLICY
        )
        made = _shown(groups.create(shown), wanted)
        db.session.commit()
        return answers.resource(made, wanted, 201)


def search() -> Response:
    """Return a page of the groups that a search in the body describes."""
    return listing.answer(LIST, entrance.body())


def search_everything() -> Response:
    """Return a page of the people and groups that a search in the body describes."""
    return listing.answer_all((user_views.LIST, LIST), entrance.body())


class OneGroup(MethodView):
    """One group."""

    def get(self, group_id: str) -> Response:
        """Return the group."""
        wanted = answers.wanted(schemas.Group)
        group = groups.find(group_id)
        version = groups.version_of(group)
        if answers.is_known(version):
            return answers.not_modified(version)
        return answers.resource(_shown(group, wanted), wanted)

    def put(self, group_id: str) -> Response:
        """Replace the group, its members with it."""
        wanted = answers.wanted(schemas.Group)
        shown = schemas.Group.model_validate(
            _body(), scim_ctx=Context.RESOURCE_REPLACEMENT_REQUEST, scim_policy=schemas.POLICY
        )
        group = groups.lock(group_id)
        answers.require_match(groups.version_of(group))
        groups.replace(group, shown)
        made = _shown(group, wanted)
        db.session.commit()
        return answers.resource(made, wanted)

    def patch(self, group_id: str) -> Response:
        """Change some of the group.

        The answer is 204 unless the client asks for attributes (RFC 7644 section 3.5.2): who adds one
        member should not be sent ten thousand.
        """
        wanted = answers.wanted(schemas.Group)
        operations = paths.read(_Patch, schemas.Group, _body())
        group = groups.lock(group_id)
        answers.require_match(groups.version_of(group))
        with schemas.POLICY:
            group_patch.apply(group, operations)
        named = "attributes" in request.args or "excludedAttributes" in request.args
        made = _shown(group, wanted) if named else None
        version = groups.version_of(group)
        db.session.commit()
        return answers.resource(made, wanted) if made is not None else answers.nothing(version)

    def delete(self, group_id: str) -> Response:
        """Remove the group; the people in it stay."""
        group = groups.lock(group_id)
        answers.require_match(groups.version_of(group))
        groups.remove(group)
        db.session.commit()
        return answers.nothing()


def _body() -> dict[str, Any]:
    return entrance.body(settings().scim_max_request_bytes)


def _shown(group: ScimGroup, wanted: Any) -> Any:
    return groups.shown(group, with_members=listing.is_wanted("members", wanted))
