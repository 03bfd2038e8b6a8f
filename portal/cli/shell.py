"""``flask shell``: the useful names, loaded, and a word about which they are."""

from typing import Any

import click
import sqlalchemy as sa
from flask import Flask

from portal import clock, credentials, models, outbox
from portal.extensions import db, settings, vault
from portal.journey import lifecycle, pruning
from portal.oidc import registration
from portal.signing_keys import keyring
from portal.users import directory, enrolments
from portal.verifications import registry


def init_app(app: Flask) -> None:
    """Load the names into every ``flask shell`` of ``app``."""
    app.shell_context_processor(_announced)


def names() -> dict[str, Any]:
    """Return the names that ``flask shell`` has loaded."""
    return {
        "db": db,
        "select": sa.select,
        "settings": settings(),
        "vault": vault(),
        "clock": clock,
        "credentials": credentials,
        "directory": directory,
        "enrolments": enrolments,
        "registration": registration,
        "registry": registry,
        "keyring": keyring,
        "lifecycle": lifecycle,
        "pruning": pruning,
        "outbox": outbox,
        **{name: getattr(models, name) for name in models.__all__},
    }


def banner() -> str:
    """Return what is said before the first prompt."""
    services = [name for name in names() if name not in models.__all__]
    return "\n".join(
        (
            f"Verification portal, {settings().environment}, at {settings().issuer}",
            f"  loaded   {', '.join(services)}",
            f"  tables   {', '.join(models.__all__)}",
            "  example  db.session.scalars(select(Client)).all()",
            "  Nothing lasts before db.session.commit().",
            "",
        )
    )


def _announced() -> dict[str, Any]:
    # Flask has no place for a banner of one's own; this is called once, right before it prints its own.
    # To standard error: what a script pipes through the shell stays on standard output.
    click.echo(banner(), err=True)
    return names()
