"""Whether the process is alive, and whether it can serve: for load balancers, containers and operators.

``/healthz`` asks nobody: a database that is away is no reason to restart the process. ``/readyz`` says
503 and names the failing part, without details, while people should be sent elsewhere.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Blueprint, Flask, Response, current_app, jsonify
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from portal import clock
from portal.extensions import db
from portal.signing_keys import keyring

_MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
_EXTENSION = "portal.health"
#: Migrations and keys change seldom; the database is asked each time.
_REMEMBERED_SECONDS = 5

blueprint = Blueprint("health", __name__)


def init_app(app: Flask) -> None:
    """Serve ``/healthz`` and ``/readyz``."""
    app.extensions[_EXTENSION] = _Seen()
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
    """Return what keeps us from serving (``database``, ``migrations``, ``signing_keys``), or ``None``."""
    seen: _Seen = current_app.extensions[_EXTENSION]
    try:
        with db.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
            now = clock.now().timestamp()
            if 0 <= now - seen.ready_at < _REMEMBERED_SECONDS:
                return None
            if MigrationContext.configure(connection).get_current_revision() in older_revisions():
                return "migrations"
        if not any(key.active_from <= clock.now() for key in keyring.published()):
            return "signing_keys"
    except SQLAlchemyError:
        return "database"
    seen.ready_at = now
    return None


@cache
def older_revisions() -> frozenset[str | None]:
    """Return the migrations behind the newest of this release, and ``None`` (no tables at all).

    One that this release does not know is a newer release's. Its tables serve this one as well, as long as
    machines are upgraded one after the other: migrations add, and take away in a later release.
    """
    script = ScriptDirectory(str(_MIGRATIONS))
    newest = script.get_current_head()
    return frozenset({None, *(one.revision for one in script.walk_revisions() if one.revision != newest)})


@dataclass
class _Seen:
    """When everything was last found in order: seconds since 1970."""

    ready_at: float = float("-inf")


def _answer(code: int, **document: str) -> Response:
    response = jsonify(document)
    response.status_code = code
    response.headers["Cache-Control"] = "no-store"
    return response
