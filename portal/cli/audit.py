"""``flask audit``: take out what happened, and prove that nobody changed it."""

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any

import click

from portal import logs
from portal.audit import chain, checking, export
from portal.cli import common
from portal.credentials import UnsealError

group = common.Group("audit", help="Take out what happened, and find out whether somebody changed it.")

_NOTED = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")
_MOST_FAULTS = 1000


class _Moment(click.ParamType[datetime]):
    """A day, or a moment with or without a zone; without one it is UTC."""

    name = "moment"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(f"{logs.one_line(value)} is no moment: write 2026-11-21 or 2026-11-21T09:30:00Z.")


@group.command("export")
@click.option("--from", "start", type=_Moment(), help="The first moment, such as 2026-11-21.")
@click.option("--to", "end", type=_Moment(), help="The moment before which to stop.")
@click.option("--output", metavar="FILE", help="Write to FILE, which only its owner may read.")
def export_events(start: datetime | None, end: datetime | None, output: str | None) -> None:
    """Print the audit log as JSON lines, oldest first: one event a line.

    Without --from it begins with the oldest event, without --to it ends with the newest. Times without a
    zone are UTC. A line has `sequence` and `hash` once the event is sealed.
    """
    events = export.between(start, end)
    if output is None:
        _write(sys.stdout, events)
        return
    count = _to_file(output, lambda file: _write(file, events))
    click.echo(f"Wrote {count} {'event' if count == 1 else 'events'}.", err=False)


@group.command("verify")
@click.option(
    "--expect",
    metavar="SEQUENCE:HASH",
    help="A place and its hash as noted elsewhere (in an export, by a receiver).",
)
@common.json_option
def verify(expect: str | None, as_json: bool) -> None:
    """Go through the sealed audit log and say which event was changed, removed, inserted or moved.

    The exit code is 1 if anything is not as it was. Note the last line's place and hash somewhere that this
    database's administrators cannot write; --expect compares with it later.
    """
    expected = _noted(expect) if expect else None
    try:
        found = list(islice(checking.faults(expected), _MOST_FAULTS + 1))
    except UnsealError:
        common.fail(
            "The key of the audit log's chain cannot be opened: PORTAL_ENCRYPTION_KEY lacks the key that "
            "sealed it. Put that key back behind the newest, then run `flask keys reseal`."
        )
    reach = checking.extent()
    if as_json:
        common.print_json(_described(found[:_MOST_FAULTS], reach))
    else:
        _print(found, reach)
    if found:
        raise click.exceptions.Exit(1)


@group.command("seal")
def seal() -> None:
    """Seal what happened up to now, without waiting for a worker to do it."""
    total, last = 0, None
    try:
        while True:
            count, last = chain.seal(last)
            common.commit()
            total += count
            if count < chain.BATCH:
                break
    except chain.ChainBroken as broken:
        common.fail(str(broken))
    except chain.ChainMoved:
        common.fail("A worker is sealing at this moment. There is nothing to do; or try again.")
    click.echo(f"Sealed {total} {'event' if total == 1 else 'events'}.")


@group.command("accept")
@common.yes_option
def accept(yes: bool) -> None:
    """Go on sealing after a chain that was found broken, once you have looked at what `verify` says.

    What was changed stays visible to `verify` until it is old enough to be removed. This is recorded.
    """
    common.confirm("Go on from the last event whose hash is still there?", yes=yes)
    try:
        chain.accept()
    except chain.ChainBroken as broken:
        common.fail(str(broken))
    common.commit()
    click.echo("Sealing goes on.")


def _write(file: IO[str], events: Iterator[dict[str, Any]]) -> int:
    count = 0
    for event in events:
        file.write(json.dumps(event, separators=(",", ":")) + "\n")
        count += 1
    return count


def _to_file(path: str, write: Callable[[IO[str]], int]) -> int:
    """Write a file that is there whole or not at all, and that only its owner may read."""
    try:
        target = Path(path)
        draft = target.with_name(f".{target.name}.part")
        draft.unlink(missing_ok=True)
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            count = write(file)
        draft.replace(target)
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or "not a file name").lower()
        common.fail(f"The file {logs.one_line(path)} cannot be written: {reason}.")
    return count


def _noted(text: str) -> tuple[int, str]:
    found = _NOTED.fullmatch(text.strip().lower())
    if found is None:
        common.fail("--expect takes a place and its hash, as `flask audit verify` prints them: 1234:9f8e…")
    return int(found[1]), found[2]


def _described(found: list[checking.Fault], reach: checking.Extent | None) -> dict[str, Any]:
    return {
        "intact": not found,
        "faults": [vars(fault) for fault in found],
        "sealed": None if reach is None else {"first": reach.first, "last": reach.last, "hash": reach.head},
        "unsealed": None if reach is None else reach.unsealed,
    }


def _print(found: list[checking.Fault], reach: checking.Extent | None) -> None:
    for fault in found[:_MOST_FAULTS]:
        place = "no place" if fault.sequence is None else f"place {fault.sequence}"
        event = "" if fault.event_id is None else f", event {fault.event_id}"
        click.echo(f"{fault.kind}: {place}{event}. {fault.what}")
    if len(found) > _MOST_FAULTS:
        click.echo(f"And more: the first {_MOST_FAULTS} are shown.")
    if reach is None:
        click.echo(
            "Nothing is sealed yet; a worker (`flask outbox run --loop`) or `flask audit seal` does it."
        )
        return
    verdict = "The chain is broken" if found else "Nothing was changed"
    click.echo(
        f"{verdict}: places {reach.first} to {reach.last}; {reach.unsealed} events are still to be sealed."
    )
    click.echo(f"{reach.last}:{reach.head}")
