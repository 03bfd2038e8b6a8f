"""The client of Okta's management API: what the portal asks of an organisation and makes of the answers.

The credential goes into one header and into nothing else: no message, log line or ``repr`` holds it. A
``Link`` header is read for its cursor and never followed.
"""

import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from portal import clock
from portal.http import Answer, Outbound, OutboundError, OutboundRefusedAddress, OutboundUnavailable
from portal.okta_api import reading, refusals
from portal.okta_api.errors import NotFound, OktaRefused, OktaUnavailable, RateLimited
from portal.okta_api.limits import RateLimits
from portal.okta_api.reading import OktaGroup, OktaUser, Page
from portal.okta_api.tokens import Credential
from portal.okta_api.walking import Walk

_log = logging.getLogger(__name__)

#: Okta gives up to 1000 members and events a page; a fifth keeps an answer short and quick.
PAGE_SIZE = 200
_SCHEMA = "/api/v1/meta/schemas/user/default"


class OktaApi:
    """One organisation's management API, with one credential.

    Takes the organisation's URL without a path, the credential, the door to the outside and the rate limits
    to share between clients of the same organisation. ``patience`` is how many seconds in all it may wait for
    a rate limit before it raises; 0 raises at once. May be shared between threads.

    Every method raises :class:`OktaUnavailable` if no usable answer came, :class:`RateLimited` if Okta's
    limit or our share of it is used up, and a kind of :class:`OktaRefused` if Okta says no.
    """

    def __init__(
        self,
        org_url: str,
        credential: Credential,
        outbound: Outbound,
        limits: RateLimits,
        *,
        patience: float = 0,
    ) -> None:
        self._org_url = org_url
        self._credential = credential
        self._outbound = outbound
        self._limits = limits
        self._patience = patience

    def __repr__(self) -> str:
        """Name the organisation and not the credential."""
        return f"OktaApi({self._org_url!r})"

    # --- People ----------------------------------------------------------------------------------

    def user(self, okta_id: str) -> OktaUser:
        """Return the person with this id; raises :class:`NotFound`.

        Okta takes a login, or its beginning, for an id too: whoever asks compares the id that comes back.
        """
        answer = self._get("user", f"/api/v1/users/{_segment(okta_id)}")
        return reading.user(reading.document(answer))

    def users(self, *, after: str | None = None, limit: int = PAGE_SIZE) -> Page[OktaUser]:
        """Return a page of everybody who is not deactivated."""
        answer = self._get("users", "/api/v1/users", limit=str(limit), after=after)
        return Page([reading.user(item) for item in reading.documents(answer)], reading.next_cursor(answer))

    def update_profile(self, user_id: str, attributes: Mapping[str, Any]) -> OktaUser:
        """Set ``attributes`` of a person's profile and return the person as Okta has them now.

        A partial update, by POST: everything else stays as it is. (A PUT would drop what it does not name.)
        """
        path = f"/api/v1/users/{_segment(user_id)}"
        answer = self._post(refusals.WRITING, path, {"profile": dict(attributes)})
        return reading.user(reading.document(answer))

    # --- Groups ----------------------------------------------------------------------------------

    def group(self, group_id: str) -> OktaGroup:
        """Return the group with this id; raises :class:`NotFound`."""
        answer = self._get("group", f"/api/v1/groups/{_segment(group_id)}")
        return reading.group(reading.document(answer))

    def groups(self, *, after: str | None = None, limit: int = PAGE_SIZE) -> Page[OktaGroup]:
        """Return a page of every group."""
        answer = self._get("groups", "/api/v1/groups", limit=str(limit), after=after)
        return Page([reading.group(item) for item in reading.documents(answer)], reading.next_cursor(answer))

    def find_group(self, name_or_id: str) -> OktaGroup | None:
        """Return the group with exactly this name, or else with this id; ``None`` if there is none.

        Raises :class:`OktaRefused` if several groups have the name.
        """
        search = f'profile.name eq "{_quoted(name_or_id)}"'
        answer = self._get("groups", "/api/v1/groups", search=search, limit="10")
        groups = [reading.group(item) for item in reading.documents(answer)]
        named = [group for group in groups if group.name == name_or_id]
        if len(named) > 1:
            raise OktaRefused("Several groups in Okta have this name: give the group's id (00g...) instead.")
        if named:
            return named[0]
        try:
            return self.group(name_or_id)
        except NotFound:
            return None

    def group_members(
        self, group_id: str, *, after: str | None = None, limit: int = PAGE_SIZE
    ) -> Page[OktaUser]:
        """Return a page of a group's members, deactivated ones among them; raises :class:`NotFound`.

        Raises :class:`OktaUnavailable` for a page that names itself as the next one: were that taken for the
        end, everybody on the pages behind it would seem to have left.
        """
        path = f"/api/v1/groups/{_segment(group_id)}/users"
        answer = self._get("group members", path, limit=str(limit), after=after)
        following = reading.next_cursor(answer)
        if following is not None and following == after:
            raise OktaUnavailable("Okta's list of the group's members does not come to an end.")
        return Page([reading.user(item) for item in reading.documents(answer)], following)

    def every_member(self, group_id: str) -> Iterator[OktaUser]:
        """Yield every member of a group, page by page; raises :class:`OktaUnavailable` if there is no end."""
        after: str | None = None
        walk = Walk()
        while True:
            page = self.group_members(group_id, after=after)
            yield from page.items
            if page.after is None:
                return
            after, walk = page.after, walk.on_to(page.after)

    # --- System Log ------------------------------------------------------------------------------

    def log(
        self,
        *,
        since: datetime,
        until: datetime | None = None,
        filter: str | None = None,  # noqa: A002 - Okta's name
        after: str | None = None,
        limit: int = PAGE_SIZE,
    ) -> Page[dict[str, Any]]:
        """Return a page of the System Log, oldest first, as Okta wrote the events.

        Without ``until`` Okta gives a cursor after the last page too, for asking again later: an empty page
        is the end (https://developer.okta.com/docs/reference/system-log-query/).
        """
        answer = self._get(
            "system log",
            "/api/v1/logs",
            since=_moment(since),
            until=_moment(until) if until else None,
            filter=filter,
            sortOrder="ASCENDING",
            limit=str(limit),
            after=after,
        )
        return Page(reading.documents(answer), reading.next_cursor(answer))

    # --- The user profile's schema ----------------------------------------------------------------

    def custom_attributes(self) -> dict[str, dict[str, Any]]:
        """Return the custom attributes of the default user type, as Okta describes them, by name."""
        definitions = reading.document(self._get("schema", _SCHEMA)).get("definitions")
        custom = definitions.get("custom") if isinstance(definitions, dict) else None
        properties = custom.get("properties") if isinstance(custom, dict) else None
        found = properties if isinstance(properties, dict) else {}
        return {name: value for name, value in found.items() if isinstance(value, dict)}

    def add_attribute(self, name: str, description: Mapping[str, Any]) -> None:
        """Add (or change) one custom attribute of the default user type; the others stay as they are."""
        custom = {"id": "#custom", "type": "object", "properties": {name: dict(description)}}
        self._post("update schema", _SCHEMA, {"definitions": {"custom": custom}})

    # --- How ---------------------------------------------------------------------------------------

    def _get(self, operation: str, path: str, **query: str | None) -> Answer:
        given = {name: value for name, value in query.items() if value is not None}
        url = self._org_url + path + (f"?{urlencode(given)}" if given else "")
        return self._exchange(operation, url, None)

    def _post(self, operation: str, path: str, document: object) -> Answer:
        return self._exchange(operation, self._org_url + path, document)

    def _exchange(self, operation: str, url: str, document: object | None) -> Answer:
        """Make one call, waiting for the rate limit as far as our patience goes."""
        patience = self._patience
        while True:
            try:
                return self._authorized(operation, url, document)
            except RateLimited as limited:
                if limited.seconds > patience:
                    raise
                patience -= limited.seconds
                clock.sleep(limited.seconds)

    def _authorized(self, operation: str, url: str, document: object | None) -> Answer:
        """Make one call; a token that Okta does not take any more is replaced once."""
        self._limits.check(operation)
        header = self._credential.header()
        answer = self._once(operation, url, document, header)
        if answer.status == 401 and self._credential.rejected(header):
            answer = self._once(operation, url, document, self._credential.header())
        if 200 <= answer.status < 300:
            return answer
        raise refusals.of(answer, operation)

    def _once(self, operation: str, url: str, document: object | None, header: str) -> Answer:
        headers = {"Authorization": header}
        try:
            with self._outbound.breaker(self._org_url).guard():
                if document is None:
                    answer = self._outbound.get(url, headers=headers)
                else:
                    answer = self._outbound.post_json(url, document, headers=headers)
                if answer.status >= 500:
                    raise OutboundUnavailable(f"it answered {answer.status}")
        except OutboundRefusedAddress as error:
            raise OktaRefused(f"Okta's address cannot be called: {error}.") from error
        except OutboundError as error:
            _log.info("Okta unavailable for %s: %s", operation, error)
            raise OktaUnavailable(f"Okta is unavailable: {error}.") from error
        self._limits.note(operation, answer)
        _log.debug("Okta answered %d to %s", answer.status, operation)
        return answer


def _segment(text: str) -> str:
    """Return ``text`` as one segment of a path; raises :class:`NotFound` for what cannot be one."""
    if text in ("", ".", "..") or "/" in text or "\\" in text:
        raise NotFound("Nothing in Okta has such an id.")
    return quote(text, safe="")


def _quoted(text: str) -> str:
    """Return ``text`` for the inside of a quoted string in Okta's search expressions."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
