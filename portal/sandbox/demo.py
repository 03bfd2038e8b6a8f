"""The demo: ``make run``, or ``python -m portal.sandbox.demo``.

Starts the portal, VerifEye's stand-in, a local Okta, a relying party that plays Okta's sign-in and the outbox
worker, each as a process of its own, after setting the portal up with the operators' own commands
(``demo_setup``). One message says where everything is; Ctrl-C or SIGTERM stops everything; if one of them
ends, all do.
"""

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

import click

from portal import clock
from portal.sandbox import demo_okta
from portal.sandbox.demo_places import (
    FOLDER,
    PORTS,
    DemoProblem,
    Places,
    environment,
    require_free_ports,
    take_folder,
)
from portal.sandbox.demo_processes import Family
from portal.sandbox.demo_setup import prepare

_LONGEST_START = 90.0
_LOOK_EVERY = 0.2


class _Stopped(BaseException):
    """Somebody pressed Ctrl-C, closed the terminal or sent SIGTERM."""

    def __init__(self, number: int) -> None:
        self.number = number


def main() -> int:
    """Run the demo until it is stopped; return the exit code."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    family = Family(click.echo)
    try:
        places = Places.from_environment(os.environ)
        require_free_ports(places)
        take_folder(places)
        prepare(places, lambda: _start_okta(family, places))
        _start(family, places)
        demo_okta.verify(places)
        click.echo(_message(places))
        while True:
            family.require_alive()
            clock.sleep(_LOOK_EVERY)
    except DemoProblem as problem:
        click.echo(f"\n{problem}", err=True)
        return 1
    except _Stopped:
        click.echo("\nStopping …")
        return 0
    finally:
        # From here on, stopping is what happens already; a second Ctrl-C must not leave half of it running.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if family.stop():
            click.echo("Everything is stopped.")


def _stop(number: int, _frame: FrameType | None) -> None:
    raise _Stopped(number)


_PYTHON = [sys.executable, "-m"]
_FLASK = [*_PYTHON, "flask", "--app", "wsgi"]


def _start_okta(family: Family, places: Places) -> Callable[[], None]:
    """Start the local Okta, to which the set-up connects the portal; return what waits for it."""
    okta = [*_FLASK, "sandbox", "okta", "--port", f"{places.okta_port}", "--seed", f"{places.okta_seed}"]
    okta += ["--database", f"{places.okta_database}", "--mail-folder", f"{places.mails}"]
    family.start("the local Okta", okta, environment(places), places.log("okta"))
    until = clock.monotonic() + _LONGEST_START
    return lambda: family.wait_for("the local Okta", f"{places.okta}/healthz", until)


def _start(family: Family, places: Places) -> None:
    """Start the other processes and wait until those that are visited answer."""
    click.echo("Starting the portal, VerifEye’s stand-in and the relying party …")
    settings, python, flask = environment(places), _PYTHON, _FLASK
    bind = f"127.0.0.1:{places.portal_port}"
    portal = [
        *python,
        "gunicorn",
        "-c",
        "config/gunicorn.conf.py",
        "--bind",
        bind,
        "--workers",
        "2",
        "wsgi:app",
    ]
    sandbox = [*flask, "sandbox", "run", "--port", f"{places.sandbox_port}"]
    sandbox += ["--database", f"{places.sandbox_database}"]
    sandbox += ["--account-key-file", f"{places.secret('sandbox-account-key')}"]
    client = [*python, "portal.sandbox.relying_party", "--port", f"{places.client_port}"]
    client += ["--settings", f"{places.client_settings}"]
    outbox = [*flask, "outbox", "run", "--loop"]
    family.start("the portal", portal, settings, places.log("portal"))
    family.start("VerifEye’s stand-in", sandbox, settings, places.log("sandbox"))
    family.start("the relying party", client, settings, places.log("relying-party"))
    family.start("the outbox worker", outbox, settings, places.log("outbox"))
    until = clock.monotonic() + _LONGEST_START
    for name, url in (
        ("the portal", f"{places.portal}/readyz"),
        ("VerifEye’s stand-in", f"{places.sandbox}/sandbox/"),
        ("the relying party", f"{places.client}/healthz"),
    ):
        family.wait_for(name, url, until)


def _message(places: Places) -> str:
    """Return what is said when everything runs."""
    return f"""
  The verification portal’s demo is running.
  IT VERIFIES NOBODY: a page takes the camera’s place, and a click decides.
  Everything listens on this machine only. Never connect it to a real sign-in.

    Start here       {places.client}    the story in eight steps, and a relying party
    Local Okta       {places.okta}    people, the group, the log; /inbox shows the portal’s mails
    The portal       {places.portal}    what people see in the middle of a sign-in
    VerifEye         {places.sandbox}    its stand-in: /sandbox/ shows faces and sessions

  The story
    · In the local Okta, add Chidi to the group “{demo_okta.GROUP}”: a mail appears in the inbox.
    · Open its link, sign in at the local Okta as Chidi, put Chidi in front of the camera: enrolled,
      and {demo_okta.ATTRIBUTE} turns true in the local Okta.
    · Sign in as Chidi: Okta’s routing rule sends him to the factor. Suspend him: refused within seconds.

  What else to try
    · Sign in as Amara with Béla in front of the camera: three tries, then back to Okta without a sign-in.
    · Recover my password (IDV): Okta pushes what it believes of Sam, and judges what the portal says of him.
    · Trouble, in the local Okta: hooks that are late, doubled, lost; an API that is slow, full, away.

  Look inside (each page shows a short reference, such as 7KXM-2PQR-9BCD)
    {places.command} journeys show REFERENCE
    {places.command} doctor
    Logs are in {places.shown(places.logs)}

  Ctrl-C stops everything. What happened is kept in {places.shown(places.folder)}/; delete it to start afresh.
  Other ports and another folder: {", ".join([*PORTS, FOLDER])}.
"""


if __name__ == "__main__":
    sys.exit(main())
