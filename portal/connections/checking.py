"""What is found out before a connection is kept: whether the address will do, and what is permitted there."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from portal import clock
from portal.okta_api.client import OktaApi
from portal.okta_api.errors import NotPermitted, OktaRefused
from portal.okta_api.tokens import Credential
from portal.settings import Settings, is_loopback

#: What the portal uses, and for what. Only the first is indispensable.
SCOPES = {
    "okta.users.manage": "write the registration attribute",
    "okta.users.read": "read people's profiles and statuses",
    "okta.groups.read": "read the members of the group",
    "okta.logs.read": "read what event hooks have lost from the System Log",
    "okta.schemas.manage": "create the registration attribute (needed once)",
    "okta.schemas.read": "check the registration attribute",
}
_PORTS = {"http": 80, "https": 443}
_ATTRIBUTE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried with the credential."""

    name: str
    passed: bool
    sentence: str


def organisation_url(text: str, configured: Settings, *, what: str = "Okta's address") -> str:
    """Return an organisation's URL without a path, in one spelling; raises ``ValueError`` with a sentence.

    It must be https; http is for loopback in demo and test.
    """
    try:
        parts = urlsplit(text.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"{what} cannot be read; it looks like https://acme.okta.com.") from None
    if parts.scheme not in ("http", "https") or not host or not host.isascii() or " " in host:
        raise ValueError(f"{what} looks like https://acme.okta.com.")
    if parts.username is not None or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(f"{what} has no path, user name or query: https://acme.okta.com and nothing more.")
    if parts.scheme == "http" and not (configured.allow_http_loopback and is_loopback(host)):
        raise ValueError(f"{what} must begin with https://; plain http is for loopback in demo and test.")
    if re.search(r"-admin\.okta[a-z-]*\.com$", host):
        raise ValueError(f"That is the admin console's address; {what} is the one without -admin.")
    authority = f"[{host}]" if ":" in host else host
    # A port that goes without saying is left out: Okta compares its own name with what a token is meant for.
    return f"{parts.scheme}://{authority}" + (f":{port}" if port and port != _PORTS[parts.scheme] else "")


def issuer_url(text: str, configured: Settings) -> str:
    """Return an issuer's URL, which may have a path (``/oauth2/default``); raises ``ValueError``."""
    path = urlsplit(text.strip()).path.rstrip("/")
    if not re.fullmatch(r"[A-Za-z0-9/_.~-]*", path):
        raise ValueError("The sign-in issuer looks like https://acme.okta.com or …/oauth2/default.")
    whole = text.strip().rstrip("/")
    return organisation_url(whole.removesuffix(path), configured, what="The sign-in issuer") + path


def attribute_name(text: str) -> str:
    """Return the name of a profile attribute; raises ``ValueError``."""
    if not _ATTRIBUTE.fullmatch(text):
        raise ValueError("An attribute's name begins with a letter and has letters, digits and _ only.")
    return text


def granted_scopes(credential_with: Callable[[list[str]], Credential]) -> list[str]:
    """Return which of our scopes Okta grants a service app.

    Okta refuses a request that names one scope too many as a whole, so where all together are refused each is
    tried alone. ``credential_with`` makes the credential for some scopes. Raises ``OktaError``.
    """
    every = list(SCOPES)
    try:
        credential_with(every).header()
    except NotPermitted:
        return [scope for scope in every if _is_granted(scope, credential_with)]
    return every


def _is_granted(scope: str, credential_with: Callable[[list[str]], Credential]) -> bool:
    try:
        credential_with([scope]).header()
    except NotPermitted:
        return False
    return True


def tried(api: OktaApi, scopes: list[str] | None) -> list[Check]:
    """Try what can be tried without changing anything; ``scopes`` are a service app's, ``None`` for a token.

    Raises ``OktaError`` where Okta does not answer at all: that says nothing about the credential.
    """
    now = clock.now()
    return [
        _check("users.read", "people can be read", lambda: api.users(limit=1)),
        _may_write(scopes),
        _check("groups.read", "groups can be read", lambda: api.groups(limit=1)),
        _check("logs.read", "the System Log can be read", lambda: api.log(since=now, limit=1)),
        _check("schemas.read", "the profile's schema can be read", api.custom_attributes),
    ]


def _check(name: str, good: str, call: Callable[[], object]) -> Check:
    try:
        call()
    except OktaRefused as error:
        return Check(name, False, error.sentence)
    return Check(name, True, f"Okta says: {good}.")


def _may_write(scopes: list[str] | None) -> Check:
    """Say what is known about writing: it is not tried, because that would change somebody."""
    if scopes is None:
        return Check("users.manage", True, "An API token may write what its administrator may; not tried.")
    if "okta.users.manage" in scopes:
        return Check(
            "users.manage", True, "The scope is granted; the admin role decides the rest. Not tried."
        )
    return Check("users.manage", False, 'Grant okta.users.manage in the service app\'s "Okta API Scopes".')
