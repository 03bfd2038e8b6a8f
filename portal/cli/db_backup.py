"""``flask db backup``: a copy of the whole database while the portal goes on.

For SQLite its own online backup, for PostgreSQL ``pg_dump`` in its custom format, which ``pg_restore`` reads.
What has not been copied to its end is never left under the copy's name.
"""

import os
import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from portal import clock
from portal.cli import common
from portal.cli.db import group
from portal.extensions import db

_UNFINISHED = ".part"
_DATED = re.compile(r"portal-\d{8}T\d{6}Z\.(?:dump|sqlite3)")


@group.command("backup")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Instead of FILE: name the copy by its moment, and put it there (for a timer).",
)
@click.option(
    "--keep",
    type=click.IntRange(1, 10_000),
    default=14,
    show_default=True,
    help="How many dated copies stay in the folder.",
)
def backup(file: Path | None, folder: Path | None, keep: int) -> None:
    """Copy the database to FILE while the portal goes on.

    Nobody but you can read the copy. The encryption keys are not in it: keep those elsewhere.
    """
    if (file is None) == (folder is None):
        raise click.UsageError("Name a FILE, or a --folder for dated copies.")
    copy, kind = (
        (_copy_sqlite, "sqlite3") if db.engine.dialect.name == "sqlite" else (_dump_postgresql, "dump")
    )
    into = file if file is not None else _dated(folder, kind)
    unfinished = _begun(into)
    try:
        copy(unfinished)
        unfinished.rename(into)
    except (OSError, sqlite3.Error) as error:
        common.fail(f"Nothing was copied: {(getattr(error, 'strerror', None) or str(error)).lower()}.")
    finally:
        unfinished.unlink(missing_ok=True)
    size = into.stat().st_size
    click.echo(f"Copied to {click.format_filename(into)}: {size} bytes.")
    if folder is not None and (removed := _prune(folder, keep, made=into)):
        click.echo(f"Removed {removed} of the oldest copies; {keep} stay.")


def _dated(folder: Path | None, kind: str) -> Path:
    assert folder is not None
    return folder / f"portal-{clock.now():%Y%m%dT%H%M%SZ}.{kind}"


def _begun(into: Path) -> Path:
    """Make the file that becomes the copy; whoever holds it holds what it says about people."""
    unfinished = into.with_name(f"{into.name}{_UNFINISHED}")
    try:
        if into.exists():
            raise FileExistsError(0, "file exists")
        if unfinished.exists():
            common.fail(
                f"{click.format_filename(unfinished)} is there: a copy is being made, or was cut off."
                " If nobody is making one, remove that file."
            )
        os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or "not a file name").lower()
        common.fail(f"The file for the copy cannot be made: {reason}. Name one that does not exist yet.")
    return unfinished


def _copy_sqlite(unfinished: Path) -> None:
    with db.engine.connect() as connection, closing(sqlite3.connect(unfinished)) as copy:
        source: Any = connection.connection.driver_connection
        source.backup(copy)
        (said,) = copy.execute("PRAGMA quick_check(1)").fetchone()
    if said != "ok":
        common.fail("The copy is damaged, and so is the database: restore an earlier copy.")


def _dump_postgresql(unfinished: Path) -> None:
    program = shutil.which("pg_dump")
    if program is None:
        common.fail(
            "The program pg_dump is missing: install PostgreSQL's client programs of the server's version"
            " or a newer one (Debian: postgresql-client)."
        )
    url = db.engine.url
    environment = dict(os.environ)
    if url.password:
        # A process list shows arguments to everybody.
        environment["PGPASSWORD"] = str(url.password)
    address = url._replace(drivername="postgresql", password=None).render_as_string()
    with unfinished.open("wb") as dump:
        done = subprocess.run(  # noqa: S603 - a fixed program; the address is the operator's own
            [program, "--format=custom", "--no-password", f"--dbname={address}"],
            stdout=dump, stderr=subprocess.PIPE, env=environment, check=False,
        )  # fmt: skip
        os.fsync(dump.fileno())
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        common.fail(f"Nothing was copied. pg_dump says: {said[0] if said else 'nothing'}")


def _prune(folder: Path, keep: int, *, made: Path) -> int:
    """Remove the oldest dated copies beyond ``keep``, and what was never finished before those that stay.

    The one ``made`` just now stays whatever its name says: while the clock was ahead, others got later names.
    """
    there = sorted(path for path in folder.iterdir() if _DATED.fullmatch(path.name.removesuffix(_UNFINISHED)))
    others = [path for path in there if not path.name.endswith(_UNFINISHED) and path.name != made.name]
    old = others[: max(0, len(others) + 1 - keep)]
    first_to_stay = min(path.name for path in [*others[len(old) :], made])
    cut_off = [path for path in there if path.name.endswith(_UNFINISHED) and path.name < first_to_stay]
    for path in old + cut_off:
        path.unlink(missing_ok=True)
    return len(old)
