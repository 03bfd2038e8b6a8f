"""The commands of ``flask --app wsgi``: one module for each noun.

A command reads what the operator said, calls a service, commits, and says what it did. Secrets come
from a file, from standard input (``-``) or from a hidden prompt, never from an argument, which a
process list would show. ``--json`` prints machine-readable output with stable names. An error is one
sentence on standard error and exit code 1; words that no command knows are click's own exit code 2.

A noun's modules are loaded when it is typed: the web server, which is the same application, needs none of
them, and no command needs those of the others.
"""

from importlib import import_module

import click
from flask import Flask
from flask.cli import AppGroup

from portal.cli import shell
from portal.outbox import left_to_workers

#: Each noun with the modules that make it: the first one holds its group, the others add commands to it.
NOUNS = {
    "audit": ("audit",),
    "client": ("client",),
    "db": ("db", "db_backup"),
    "doctor": ("doctor",),
    "flow": ("flow",),
    "journeys": ("journeys",),
    "keys": ("keys",),
    "mail": ("mail",),
    "okta": ("okta", "okta_connection", "okta_pause", "okta_reconcile", "okta_status"),
    "outbox": ("outbox",),
    "sandbox": ("sandbox",),
    "scim": ("scim",),
    "user": ("user", "invitations"),
    "verification": ("verification",),
}


class _Nouns(AppGroup):
    """Loads a noun when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return every noun, and what others have added."""
        return sorted({*super().list_commands(ctx), *NOUNS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of a noun, ``None`` if there is no such noun."""
        if cmd_name not in NOUNS:
            return super().get_command(ctx, cmd_name)
        first, *_ = [import_module(f"{__name__}.{module}") for module in NOUNS[cmd_name]]
        command: click.Command = getattr(first, "group", None) or first.doctor
        return command


def init_app(app: Flask) -> None:
    """Offer every command, what the worker removes by itself, and what ``flask shell`` has loaded."""
    nouns = _Nouns(name=app.name)
    nouns.commands.update(app.cli.commands)
    app.cli = nouns
    shell.init_app(app)
    left_to_workers(app, "portal.cli.retention")
