"""Reading Okta's events, as an event hook sends them and as the System Log lists them.

Only what the portal goes by is kept: which event, when, about whom, which groups, and whether it succeeded.
Members are found among the targets by type, never by place, and never in the actor, who is the administrator
(https://developer.okta.com/docs/reference/api/event-types/). What is not as Okta writes it is left out and
counted; the reconciliation finds what it may have meant.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from portal import clock, credentials
from portal.users import details

#: Okta names one person in each event that matters here; a list like this is not Okta's.
MOST_PEOPLE = 20
_MOST_GROUPS = 20
#: Entries in a body, and people in all of them: each is a row. What Okta writes about one takes a kilobyte.
_MOST_IN_A_BODY = 2_000
_LONGEST_LOGIN = 320
_LONGEST_NAME = 255
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TYPE = re.compile(r"[A-Za-z0-9_.-]{1,128}")
#: No clock is that far ahead; a word from the future would outrank every word to come.
AHEAD = timedelta(minutes=10)
_OLDEST = datetime(2009, 1, 1, tzinfo=UTC)


class Unreadable(Exception):
    """This is no event, or no list of events, of Okta's."""


@dataclass(frozen=True, slots=True)
class Person:
    """A ``User`` among the targets; the login is ``None`` where Okta names none that could be one."""

    okta_id: str
    login: str | None


@dataclass(frozen=True, slots=True)
class OktaEventRead:
    """What the portal goes by in one event."""

    uuid: str
    event_type: str
    published: datetime
    people: tuple[Person, ...]
    groups: tuple[tuple[str, str], ...]
    succeeded: bool


def body(content: bytes) -> tuple[list[OktaEventRead], int]:
    """Return the events in the body of an event hook, and how many entries were not readable.

    Raises :class:`Unreadable` where it is not the JSON that Okta sends at all, or tells of too many people.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise Unreadable from None
    data = document.get("data") if isinstance(document, dict) else None
    entries = data.get("events") if isinstance(data, dict) else None
    if not isinstance(entries, list) or len(entries) > _MOST_IN_A_BODY:
        raise Unreadable
    found, unreadable = many(entries)
    if sum(len(event.people) for event in found) > _MOST_IN_A_BODY:
        raise Unreadable
    return found, unreadable


def many(entries: list[Any]) -> tuple[list[OktaEventRead], int]:
    """Return the events among ``entries``, and how many were not readable."""
    found: list[OktaEventRead] = []
    for entry in entries:
        try:
            found.append(one(entry))
        except Unreadable:
            continue
    return found, len(entries) - len(found)


def one(entry: Any) -> OktaEventRead:
    """Return the event that ``entry`` describes; raises :class:`Unreadable`."""
    if not isinstance(entry, dict):
        raise Unreadable
    targets = entry.get("target")
    targets = [item for item in targets if isinstance(item, dict)] if isinstance(targets, list) else []
    people = _people(targets)
    groups = [item for item in targets if item.get("type") == "UserGroup"]
    if len(people) > MOST_PEOPLE or len(groups) > _MOST_GROUPS:
        raise Unreadable
    outcome = entry.get("outcome")
    return OktaEventRead(
        uuid=_uuid(entry),
        event_type=_matching(_TYPE, entry.get("eventType")),
        published=moment(entry.get("published")),
        people=people,
        groups=tuple((_id(item) or "", _plain(item.get("displayName"), _LONGEST_NAME)) for item in groups),
        succeeded=isinstance(outcome, dict) and outcome.get("result") == "SUCCESS",
    )


def moment(text: Any) -> datetime:
    """Return the moment that Okta writes as ISO 8601; raises :class:`Unreadable`."""
    if not isinstance(text, str) or len(text) > 40:
        raise Unreadable
    try:
        found = datetime.fromisoformat(text)
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unreadable from None
    if not _OLDEST <= found <= clock.now() + AHEAD:
        raise Unreadable
    return found


def _people(targets: list[dict[str, Any]]) -> tuple[Person, ...]:
    found = {
        okta_id: Person(okta_id, _plain(item.get("alternateId"), _LONGEST_LOGIN) or None)
        for item in targets
        if item.get("type") == "User" and (okta_id := _id(item))
    }
    return tuple(found.values())


def _uuid(entry: Mapping[str, Any]) -> str:
    """Return Okta's name for the event; one that has none is named by what it says."""
    given = entry.get("uuid")
    if isinstance(given, str) and _ID.fullmatch(given):
        return given.lower()
    if given is not None:
        raise Unreadable
    return credentials.digest(json.dumps(entry, sort_keys=True))


def _id(item: Mapping[str, Any]) -> str | None:
    found = item.get("id")
    return found if isinstance(found, str) and _ID.fullmatch(found) else None


def _matching(pattern: re.Pattern[str], value: Any) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise Unreadable
    return value


def _plain(value: Any, longest: int) -> str:
    """Return a text that can be kept, or an empty one."""
    text = value.strip() if isinstance(value, str) else ""
    return text if details.is_plain(text, longest) and text.lower() != "unknown" else ""
