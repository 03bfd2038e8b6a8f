"""The registration attribute itself: what it should be in Okta's user schema, and making it."""

from typing import Any

from portal.okta_api.client import OktaApi

TITLE = "Face verification registered"
DESCRIPTION = "Whether the person can use face verification as a factor. Written by the verification portal."
_PERMISSIONS = [{"principal": "SELF", "action": "READ_ONLY"}]


def faults(description: dict[str, Any]) -> list[str]:
    """Return what is wrong with an attribute as Okta describes it, as sentences; empty if it is right."""
    found = []
    if description.get("type") != "boolean":
        found.append("It is not a boolean: remove it in Okta's Profile Editor, or use another name.")
    if not _is_closed_to_its_owner(description.get("permissions")):
        found.append(
            "People may write it themselves, and so route themselves to the factor: set its user permission "
            "to Read Only in Okta's Profile Editor."
        )
    master = description.get("master")
    kind = master.get("type") if isinstance(master, dict) else None
    if kind not in (None, "OKTA", "PROFILE_MASTER"):
        found.append("Another source writes it: set its source priority to Inherit from Okta.")
    if description.get("required") is True:
        found.append("It is required, so nobody can be added in Okta without it: make it optional.")
    return found


def notes(description: dict[str, Any]) -> list[str]:
    """Return what may become a problem, as sentences."""
    master = description.get("master")
    if isinstance(master, dict) and master.get("type") == "PROFILE_MASTER":
        return ["It comes from the profile's source; if that is another directory, let it inherit from Okta."]
    return []


def create(api: OktaApi, name: str, *, title: str = TITLE, description: str = DESCRIPTION) -> None:
    """Make the attribute: a boolean that people may read and not write, and that only Okta masters.

    A partial update of the schema; what else is in it stays. Raises ``OktaError``.
    """
    api.add_attribute(
        name,
        {
            "title": title,
            "description": description,
            "type": "boolean",
            "required": False,
            "permissions": _PERMISSIONS,
            "master": {"type": "OKTA"},
        },
    )


def _is_closed_to_its_owner(permissions: object) -> bool:
    if not isinstance(permissions, list):
        return False
    own = [item for item in permissions if isinstance(item, dict) and item.get("principal") == "SELF"]
    return bool(own) and all(item.get("action") in ("READ_ONLY", "HIDE") for item in own)
