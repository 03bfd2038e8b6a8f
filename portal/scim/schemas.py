"""What the server speaks: the resources, their limits, and what it says of itself.

Everything published at the discovery addresses is computed from the constants and models here, which are
also what enforces them. The models are those of scim2-models; ours differ where Okta or the directory does.
"""

from typing import Annotated, Any, ClassVar

import scim2_models
from pydantic import Field, model_validator
from scim2_models import (
    AuthenticationScheme,
    Bulk,
    ChangePassword,
    ComplexAttribute,
    ETag,
    Filter,
    Mutability,
    Pagination,
    Patch,
    Reference,
    Required,
    ResourceType,
    ScimPolicy,
    ScimProvider,
    ServiceProviderConfig,
    Sort,
    Uniqueness,
)

from portal.scim.routes import BASE as BASE

#: Resources on one page: what is given to a client that names no number, and the most that are.
USUAL_RESULTS = 100
MOST_RESULTS = 200

#: What clients send beyond the schema is dropped (Okta: custom attributes, extensions of its own), and
#: a removal may name in its value what to remove (Entra does).
POLICY = ScimPolicy(
    unknown=ScimPolicy.Unknown.ignore,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
)
#: The same, for operations that mean the entry which their filter describes even where there is none yet.
DESCRIBING = POLICY.model_copy(
    update={"unmatched_path_filter": ScimPolicy.UnmatchedPathFilter.create},
)


class Email(scim2_models.Email):
    """An address as the client has it: refusing ``.local`` would refuse half of the directories there are."""

    value: str | None = None


class User(scim2_models.User):  # type: ignore[type-arg]
    """User Account."""

    emails: list[Email] | None = None  # type: ignore[assignment]
    """Email addresses for the user."""

    Emails: ClassVar[type[ComplexAttribute]] = Email


class GroupMember(scim2_models.GroupMember):
    """A member of a group. A name that a client sends along is not kept; the user has it."""

    display: Annotated[str | None, Mutability.read_only] = None
    """Not kept."""


class Group(scim2_models.Group):
    """Group."""

    display_name: Annotated[str | None, Required.true, Uniqueness.server] = None
    """A human-readable name for the Group."""

    members: list[GroupMember] | None = None  # type: ignore[assignment]
    """A list of members of the Group."""

    Members: ClassVar[type[ComplexAttribute]] = GroupMember


class Manager(scim2_models.Manager):
    """Whom a person reports to. It is kept and shown, and nothing here goes by it."""

    ref: Annotated[Reference[scim2_models.User] | None, Required.false] = Field(  # type: ignore[type-arg]
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    """The URI of the SCIM resource representing the User's manager.

    Recommended only (RFC 7643 section 4.3): Okta and Entra know a manager's id and no address of ours.
    """

    @model_validator(mode="before")
    @classmethod
    def _as_entra_writes_it(cls, value: Any) -> Any:
        """Take the id alone for a manager, and a list of one for the one.

        Entra sends both, though the attribute is one complex value (RFC 7643 section 4.3):
        https://learn.microsoft.com/en-us/answers/questions/188003/scim-user-provisioning-setup-with-manager-attribut
        """
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        return {"value": value} if isinstance(value, str) and value.strip() else value


class EnterpriseUser(scim2_models.EnterpriseUser):
    """Enterprise User."""

    manager: Manager | None = None
    """The User's manager."""

    Manager: ClassVar[type[ComplexAttribute]] = Manager


FullUser: Any = User.__class_getitem__(EnterpriseUser)


def _config() -> ServiceProviderConfig:
    return ServiceProviderConfig(
        patch=Patch(supported=True),
        bulk=Bulk(supported=False, max_operations=0, max_payload_size=0),
        filter=Filter(supported=True, max_results=MOST_RESULTS),
        change_password=ChangePassword(supported=False),
        sort=Sort(supported=True),
        etag=ETag(supported=True),
        pagination=Pagination(
            cursor=False,
            index=True,
            default_pagination_method=Pagination.DefaultPaginationMethod.index,
            default_page_size=USUAL_RESULTS,
            max_page_size=MOST_RESULTS,
        ),
        authentication_schemes=[
            AuthenticationScheme(
                type=AuthenticationScheme.Type.oauthbearertoken,
                name="Bearer token",
                description="A token of `flask scim token add`, as Authorization: Bearer.",
                spec_uri=Reference("https://www.rfc-editor.org/info/rfc6750"),
                primary=True,
            ),
            AuthenticationScheme(
                type=AuthenticationScheme.Type.httpbasic,
                name="HTTP Basic",
                description="The name of a token as user name, the token as password.",
                spec_uri=Reference("https://www.rfc-editor.org/info/rfc7617"),
            ),
        ],
    )


PROVIDER = ScimProvider(
    models=[User, Group, EnterpriseUser],
    resource_types=[ResourceType.from_resource(FullUser), ResourceType.from_resource(Group)],
    config=_config(),
    policy=POLICY,
)
