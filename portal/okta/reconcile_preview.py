"""What a reconciliation would do, found out by reading alone: nothing is kept and nothing is changed."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select

from portal import clock
from portal.extensions import db
from portal.models import OktaEvent
from portal.okta import events_reading, reconcile_plan, reconcile_steps
from portal.okta.events_profile import CLOCKS_DIFFER
from portal.okta.failures import told_to_the_outbox
from portal.okta.reconcile_plan import Reading
from portal.okta_api.client import OktaApi
from portal.okta_api.walking import Walk

_COMPARED = 500


@dataclass
class Preview:
    """What would be done, as counts and as Okta ids under each heading."""

    counts: dict[str, int] = field(default_factory=dict)
    people: dict[str, list[str]] = field(default_factory=dict)
    stopped: str | None = None

    def add(self, name: str, okta_ids: list[str]) -> None:
        """Add people under a heading."""
        self.people.setdefault(name, []).extend(okta_ids)
        self.counts[name] = len(self.people[name])


def preview(since: datetime, *, patience: float) -> Preview:
    """Read Okta's log since ``since`` and say what would be done; raises ``OutboxFailure`` for what is wrong.

    Events that no hook has told are counted; what they say is not among the people.
    """
    connection, api = reconcile_steps.okta(patience)
    began = clock.now()
    found = Preview()
    _read_log(api, since, began, found)
    group_id = reconcile_steps.find_group(connection, api)
    if group_id is None:
        found.stopped = reconcile_steps.NO_GROUP
        return found
    readings = _read_members(api, group_id, connection.attribute)
    found.counts["members"] = len(readings)
    losing = _compare(sorted(readings.values(), key=lambda reading: reading.okta_id), found)
    left: list[str] = []
    after = ""
    while page := reconcile_plan.leavers(after, _COMPARED, began - CLOCKS_DIFFER):
        left += [okta_id for okta_id in page if okta_id not in readings]
        after = page[-1]
    found.add("left", left)
    losing += reconcile_plan.active_among(left)
    if reconcile_plan.too_many(losing):
        found.stopped = reconcile_steps.stopped_sentence(losing)
    return found


def _read_log(api: OktaApi, since: datetime, until: datetime, found: Preview) -> None:
    after: str | None = None
    read = new = 0
    walk = Walk()
    while True:
        with told_to_the_outbox():
            page = api.log(since=since, until=until, filter=reconcile_steps.LOG_FILTER, after=after)
            after = page.after if page.items else None
            walk = walk.on_to(after) if after else walk
        uuids = {event.uuid for event in events_reading.many(page.items)[0]}
        kept = set(db.session.scalars(select(OktaEvent.uuid).where(OktaEvent.uuid.in_(uuids))))
        db.session.rollback()
        read, new = read + len(uuids), new + len(uuids - kept)
        if not after:
            found.counts |= {"events_read": read, "events_new": new}
            return


def _read_members(api: OktaApi, group_id: str, attribute: str) -> dict[str, Reading]:
    readings: dict[str, Reading] = {}
    after: str | None = None
    walk = Walk()
    while True:
        read_at = clock.now()
        with told_to_the_outbox():
            page = api.group_members(group_id, after=after)
            after = page.after
            walk = walk.on_to(after) if after else walk
        for person in page.items:
            readings[person.id] = reconcile_plan.reading_of(person, attribute, read_at)
        if not after:
            return readings


def _compare(readings: list[Reading], found: Preview) -> int:
    """Add what the members' records need, and return how many would lose the factor."""
    losing = 0
    for begin in range(0, len(readings), _COMPARED):
        findings = reconcile_plan.examine(readings[begin : begin + _COMPARED])
        losing += len(findings.losing)
        for name in findings.counts():
            if name != "losing":
                found.add(name, getattr(findings, name))
    return losing
