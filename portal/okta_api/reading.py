"""Reading Okta's answers: what we rely on is checked, the rest is kept as it came."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qs, urlsplit

from portal.http import Answer, OutboundError
from portal.okta_api.errors import OktaUnavailable

_Item = TypeVar("_Item")

#: More than Okta's own limit on one page; what is longer was not written by Okta.
_LONGEST_CURSOR = 2048
_LONGEST_ID, _LONGEST_STATUS, _LONGEST_LOGIN = 64, 32, 320
_HALF = re.compile("[\ud800-\udfff]")
_LINK = re.compile(r"<([^<>]{0,8192})>([^<]{0,256})")
_RELATIONS = re.compile(r"""(?i)\brel\s*=\s*"?([^";,]*)""")
_ERROR_CODE = re.compile(r"[A-Za-z0-9_]{1,64}")


@dataclass(frozen=True, slots=True)
class OktaUser:
    """A person in Okta."""

    id: str
    #: ``STAGED``, ``PROVISIONED``, ``ACTIVE``, ``RECOVERY``, ``LOCKED_OUT``, ``PASSWORD_EXPIRED``,
    #: ``SUSPENDED`` or ``DEPROVISIONED``.
    status: str
    #: Empty where no database could keep it. It is the one text here that people choose: that of one person
    #: must not be in the way of everybody else on the page.
    login: str
    profile: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OktaGroup:
    """A group in Okta."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Page(Generic[_Item]):
    """One page of a list, and the cursor with which to ask for the next; ``None`` after the last."""

    items: list[_Item]
    after: str | None


def document(answer: Answer) -> dict[str, Any]:
    """Return the JSON object of an answer; raises :class:`OktaUnavailable`."""
    found = _json(answer)
    if not isinstance(found, dict):
        raise OktaUnavailable("Okta's answer is not a JSON object. If it stays so, check the address.")
    return found


def documents(answer: Answer) -> list[dict[str, Any]]:
    """Return the JSON objects of an answer that is a list; raises :class:`OktaUnavailable`."""
    found = _json(answer)
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise OktaUnavailable(
            "Okta's answer is not a list of JSON objects. If it stays so, check the address."
        )
    return found


def error_code(answer: Answer) -> str | None:
    """Return Okta's name for what is wrong (``errorCode``, or OAuth's ``error``) or ``None``.

    Nothing else of an error is read: its texts may quote what was sent.
    """
    try:
        found = answer.json()
    except OutboundError:
        return None
    code = (found.get("errorCode") or found.get("error")) if isinstance(found, dict) else None
    return code if isinstance(code, str) and _ERROR_CODE.fullmatch(code) else None


def user(found: Mapping[str, Any]) -> OktaUser:
    """Return the person that a JSON object describes; raises :class:`OktaUnavailable`."""
    profile = found.get("profile")
    if not isinstance(profile, dict):
        raise OktaUnavailable("Okta described a person without a profile.")
    login = _text(profile, "login")
    return OktaUser(
        id=_text(found, "id", _LONGEST_ID),
        status=_text(found, "status", _LONGEST_STATUS),
        login=login if _can_be_kept(login, _LONGEST_LOGIN) else "",
        profile=profile,
    )


def group(found: Mapping[str, Any]) -> OktaGroup:
    """Return the group that a JSON object describes; raises :class:`OktaUnavailable`."""
    profile = found.get("profile")
    return OktaGroup(id=_text(found, "id"), name=_text(profile if isinstance(profile, dict) else {}, "name"))


def next_cursor(answer: Answer) -> str | None:
    """Return the ``after`` of the answer's ``Link`` with ``rel="next"`` (RFC 8288), ``None`` without one.

    Only the cursor is taken, and asked for at the address we know: an answer must not be able to send the
    credential anywhere else. The headers of one name come joined by commas. Raises :class:`OktaUnavailable`
    for a next page that cannot be asked for: the list does not end there.
    """
    header = answer.headers.get("link", "")
    links = _LINK.findall(header)
    if header.count("<") != len(links):
        raise OktaUnavailable("Okta's list may go on, but its links cannot be read.")
    for target, parameters in links:
        if not _is_next(parameters):
            continue
        try:
            values = parse_qs(urlsplit(target).query).get("after", [])
        except ValueError:
            values = []
        if len(values) == 1 and len(values[0]) <= _LONGEST_CURSOR and values[0].isprintable():
            return str(values[0])
        raise OktaUnavailable("Okta's list goes on, but does not say where.")
    return None


def _is_next(parameters: str) -> bool:
    """Say whether a link leads to the next page: a page overlooked is taken for people who have left."""
    relations = _RELATIONS.search(parameters)
    return relations is not None and "next" in relations[1].lower().split()


def _json(answer: Answer) -> object:
    try:
        return answer.json()
    except OutboundError as error:
        raise OktaUnavailable(
            "Okta's answer cannot be read as JSON. If it stays so, check the address."
        ) from error


def _text(found: Mapping[str, Any], name: str, longest: int | None = None) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not value or (longest and not _can_be_kept(value, longest)):
        raise OktaUnavailable(f"Okta's answer has no usable {name!r}.")
    return value


def _can_be_kept(text: str, longest: int) -> bool:
    """Say whether a column of a database takes ``text``: no NUL in it, and no half of a character."""
    return len(text) <= longest and "\x00" not in text and not _HALF.search(text)
