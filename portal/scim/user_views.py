"""``/scim/v2/Users``: list, create, get, replace, patch, delete."""

from collections.abc import Sequence
from typing import Any

from flask import Response
from flask.views import MethodView
from scim2_models import Context, PatchOp

from portal.extensions import db
from portal.models import User
from portal.scim import amounts, answers, entrance, filters, listing, paths, people, person, schemas

_Patch: Any = PatchOp[schemas.FullUser]


def _show(users: Sequence[User], with_meta: bool) -> list[Any]:
    return person.of(users, with_version=with_meta)


LIST = listing.Kind(
    model=schemas.FullUser,
    table=User,
    visible=listing.VISIBLE_USERS,
    translators=filters.USERS,
    sorted_by={
        ("id", None): User.id,
        ("user_name", None): User.login_key,
        ("meta", "created"): User.created_at,
        ("meta", "last_modified"): User.updated_at,
    },
    show=_show,
    costly="meta",
)


class Users(MethodView):
    """All people."""

    def get(self) -> Response:
        """Return a page of them."""
        return listing.answer(LIST)

    def post(self) -> Response:
        """Bring a person in (201), or say that the login is taken (409)."""
        wanted = answers.wanted(schemas.FullUser)
        shown = schemas.FullUser.model_validate(
            entrance.body(), scim_ctx=Context.RESOURCE_CREATION_REQUEST, scim_policy=schemas.POLICY
        )
        amounts.require_few(shown)
        user = people.create(shown)
        made = person.one(user)
        db.session.commit()
        return answers.resource(made, wanted, 201)


def search() -> Response:
    """Return a page of the people whom a search in the body describes."""
    return listing.answer(LIST, entrance.body())


class OneUser(MethodView):
    """One person."""

    def get(self, user_id: str) -> Response:
        """Return the person."""
        wanted = answers.wanted(schemas.FullUser)
        shown = person.one(people.find(user_id))
        if answers.is_known(shown.meta.version):
            return answers.not_modified(shown.meta.version)
        return answers.resource(shown, wanted)

    def put(self, user_id: str) -> Response:
        """Replace the person, and take them over if no client has described them yet."""
        wanted = answers.wanted(schemas.FullUser)
        shown = schemas.FullUser.model_validate(
            entrance.body(), scim_ctx=Context.RESOURCE_REPLACEMENT_REQUEST, scim_policy=schemas.POLICY
        )
        amounts.require_few(shown)
        user = people.lock(user_id, shown.external_id)
        answers.require_match(person.one(user).meta.version)
        people.replace(user, shown)
        return _changed(user, wanted)

    def patch(self, user_id: str) -> Response:
        """Change some of the person."""
        wanted = answers.wanted(schemas.FullUser)
        operations = paths.read(_Patch, schemas.FullUser, entrance.body())
        user = people.lock(user_id, paths.external_id_in(operations))
        answers.require_match(person.one(user).meta.version)
        with schemas.POLICY:
            people.patch(user, operations)
        return _changed(user, wanted)

    def delete(self, user_id: str) -> Response:
        """Erase the person."""
        user = people.lock(user_id)
        answers.require_match(person.one(user).meta.version)
        people.erase(user)
        db.session.commit()
        return answers.nothing()


def _changed(user: User, wanted: Any) -> Response:
    shown = person.one(user)
    db.session.commit()
    return answers.resource(shown, wanted)
