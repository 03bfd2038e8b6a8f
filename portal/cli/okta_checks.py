"""The checks of ``flask doctor`` about the connection to Okta."""

from collections.abc import Iterator

from portal.cli.findings import Finding, ok, problem, warning
from portal.connections import hook_secrets, registry
from portal.credentials import UnsealError
from portal.extensions import db
from portal.okta import attribute, pauses
from portal.okta_api.errors import OktaError, OktaUnavailable, RateLimited


def connection() -> Iterator[Finding]:
    """See what is set up for Okta, without calling it; nothing is said where it is not connected."""
    found = registry.current()
    if found is None:
        return
    yield ok("Okta", f"{found.org_url} is connected, with the attribute {found.attribute}")
    if found.group_id is None:
        yield warning(
            "Okta group",
            "none is set, so nobody comes or goes by it",
            "set one: `flask okta connect --group`",
        )
    if not hook_secrets.valid():
        yield warning(
            "Okta event hooks",
            "no secret is valid, so no event is accepted",
            "make one: `flask okta hook-secret add`",
        )
    for pause in pauses.running():
        whom = pause.group_name or "everybody"
        yield warning(
            "Okta pause", f"{whom} is sent past the factor: {pause.reason}", "end it: `flask okta resume`"
        )


def live() -> Iterator[Finding]:
    """Ask Okta for one person and for the registration attribute."""
    found = registry.current()
    if found is None:
        return
    name = found.attribute
    try:
        api = registry.api_for(found)
        db.session.rollback()  # nothing stays open in the database while Okta is asked
        api.users(limit=1)
        described = api.custom_attributes().get(name)
    except (OktaUnavailable, RateLimited) as error:
        yield warning("Okta's API", error.sentence, "look again; nothing is lost meanwhile")
    except OktaError as error:
        yield problem("Okta's API", "Okta refuses", error.sentence)
    except UnsealError:
        return  # said by the check of stored secrets
    else:
        yield ok("Okta's API", "it answers and takes the credential")
        yield from _attribute(name, described)


def _attribute(name: str, described: dict[str, object] | None) -> Iterator[Finding]:
    if described is None:
        yield problem(
            "Okta attribute", f"the user profile has no {name}", "make it: `flask okta attribute create`"
        )
        return
    faults = attribute.faults(described)
    for sentence in faults:
        yield problem("Okta attribute", f"{name} is not as it should be", sentence)
    if not faults:
        yield ok("Okta attribute", f"{name} is a boolean that people cannot write")
