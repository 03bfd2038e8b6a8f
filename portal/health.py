"""Whether the process is alive, and whether it can serve: for load balancers, containers and operators.

``/healthz`` asks nobody: a database that is away is no reason to restart the process. ``/readyz`` says
503 and names the failing part, without details, while people should be sent elsewhere.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flask import Blueprint, Flask, Response, current_app, jsonify
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from portal import clock
from portal.extensions import db
from portal.signing_keys import keyring

_MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations" / "versions"
#: What a migration says about the one before it.
_REVISED = re.compile(r'^down_revision(?:: [^=]+)? = "([^"]+)"$', re.MULTILINE)
_EXTENSION = "portal.health"
#: Migrations and keys change seldom; the database is asked each time.
_REMEMBERED_SECONDS = 5

blueprint = Blueprint("health", __name__)


def init_app(app: Flask) -> None:
    """Serve ``/healthz`` and ``/readyz``."""
    app.extensions[_EXTENSION] = _Seen()
    older_revisions()  # read before the workers are forked, and not by a request
    app.register_blueprint(blueprint)


@blueprint.get("/healthz", provide_automatic_options=False)
def alive() -> Response:
    """Answer 200 as long as the process can answer at all."""
    return _answer(200, status="alive")


@blueprint.get("/readyz", provide_automatic_options=False)
def ready() -> Response:
    """Answer 200 if requests can be served, else 503 with the name of what is missing."""
    failing = failing_part()
    if failing is not None:
        return _answer(503, status="unavailable", failing=failing)
    return _answer(200, status="ready")


def failing_part() -> str | None:
    """Return what keeps us from serving, or ``None``.

    It is named ``database``, ``migrations``, ``signing_keys`` (there is none) or ``encryption_key`` (none of
    them can be opened with this process's setting).
    """
    seen: _Seen = current_app.extensions[_EXTENSION]
    try:
        with db.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
            now = clock.now().timestamp()
            if 0 <= now - seen.ready_at < _REMEMBERED_SECONDS:
                return None
            if _revision(connection) in older_revisions():
                return "migrations"
        signing = [key for key in keyring.published() if key.active_from <= clock.now()]
        if not signing:
            return "signing_keys"
        # One that nobody uses any more may be lost for good, and is no reason to send people elsewhere.
        if not any(keyring.can_be_opened(key) for key in signing):
            return "encryption_key"
    except SQLAlchemyError:
        return "database"
    seen.ready_at = now
    return None


def _revision(connection: Connection) -> str | None:
    """Return which migration the database is at, ``None`` where none was ever made."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


@cache
def older_revisions() -> frozenset[str | None]:
    """Return the migrations behind the newest of this release, and ``None`` (no tables at all).

    They are read from the files, as Alembic does. Alembic itself takes 11 MB of memory in each process, and
    the web server has no other use for it.

    One that this release does not know is a newer release's. Its tables serve this one as well, as long as
    machines are upgraded one after the other: migrations add, and take away in a later release.
    """
    texts = [file.read_text(encoding="utf-8") for file in _MIGRATIONS.glob("*.py")]
    if not texts:
        raise FileNotFoundError(f"no migrations in {_MIGRATIONS}")
    return frozenset({None, *(name for written in texts for name in _REVISED.findall(written))})


@dataclass
class _Seen:
    """When everything was last found in order: seconds since 1970."""

    ready_at: float = float("-inf")


def _answer(code: int, **document: str) -> Response:
    response = jsonify(document)
    response.status_code = code
    response.headers["Cache-Control"] = "no-store"
    return response
