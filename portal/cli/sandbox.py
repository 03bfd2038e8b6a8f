"""``flask sandbox``: VerifEye's stand-in and a local Okta, for demonstrations and development."""

import warnings
from pathlib import Path
from urllib.parse import urlsplit

import click
from werkzeug.serving import make_server

from portal import credentials
from portal.cli import common
from portal.extensions import settings, vault
from portal.models import MatchMode
from portal.sandbox import Configuration, ConfigurationError, SandboxWarning, create_sandbox
from portal.sandbox.matching import FaceMode
from portal.sandbox.okta import USUAL, LocalOkta, LocalOktaWarning, SeedError, read, sow
from portal.settings import is_loopback
from portal.verifeye.results import Verifier
from portal.verifications import registry

group = common.Group(
    "sandbox", help="Run VerifEye's stand-in or a local Okta, which verify nobody (demo and test only)."
)

_FACE_MODES = {MatchMode.UNIQUE.value: FaceMode.UNIQUE_MATCH, MatchMode.MATCH.value: FaceMode.MATCH}


@group.command("run")
@click.option("--port", type=click.IntRange(1, 65_535), required=True, help="The port to listen on.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The loopback address to listen on.")
@click.option(
    "--database",
    metavar="FILE",
    default=".demo/sandbox.sqlite3",
    show_default=True,
    help="Where the sandbox keeps its faces.",
)
@click.option(
    "--configurations",
    "configurations_file",
    metavar="FILE",
    help="Its verification configurations, as JSON, besides those below.",
)
@click.option(
    "--account-key-file",
    metavar="FILE",
    help="A key that opens the sandbox's own orders to programs; - for standard input. Else they are closed.",
)
def run(
    port: int, host: str, database: str, configurations_file: str | None, account_key_file: str | None
) -> None:
    """Serve VerifEye's stand-in until Ctrl-C. It verifies nobody: a click decides.

    It knows every verification configuration of the portal whose Service API is at this port.
    """
    _refuse_elsewhere(host)
    key = None if account_key_file is None else common.read_secret(account_key_file, "the account key")
    known = _known_at(port)
    try:
        Path(database).parent.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            # What the warning says is said below, once, as a sentence.
            warnings.simplefilter("ignore", SandboxWarning)
            application = create_sandbox(
                database, configurations=known, configurations_file=configurations_file, account_key=key
            )
        server = make_server(host, port, application, threaded=True)
    except ConfigurationError as error:
        common.fail(common.sentence_of(error))
    except OSError as error:
        common.fail(f"The sandbox cannot start: {(error.strerror or 'the system refused').lower()}.")
    click.echo(f"VerifEye's stand-in is at http://{host}:{port}. It verifies nobody. Ctrl-C stops it.")
    click.echo(f"It knows {len(known)} of the portal's verification configurations.")
    server.serve_forever()  # until Ctrl-C, which Werkzeug takes for the end and not for an error
    click.echo("Stopped.")


@group.command("okta")
@click.option("--port", type=click.IntRange(1, 65_535), required=True, help="The port to listen on.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The loopback address to listen on.")
@click.option(
    "--database",
    metavar="FILE",
    default=".demo/okta.sqlite3",
    show_default=True,
    help="Where it keeps its people, its log and the rest.",
)
@click.option(
    "--seed",
    metavar="FILE",
    help="A JSON document of people, groups, tokens, apps and hooks; without it two people and a group.",
)
@click.option(
    "--control-key-file",
    metavar="FILE",
    help="A key that opens the orders for tests under /local/; - for standard input. Else they are closed.",
)
@click.option("--mail-folder", metavar="DIRECTORY", help="The portal's mail_folder, for the inbox page.")
def okta(
    port: int,
    host: str,
    database: str,
    seed: str | None,
    control_key_file: str | None,
    mail_folder: str | None,
) -> None:
    """Serve a local Okta until Ctrl-C: its APIs, event hooks, SCIM client and sign-in. It is a stand-in.

    Everybody is whoever they say they are. Without a document an API token is made and printed, once.
    """
    _refuse_elsewhere(host)
    key = None if control_key_file is None else common.read_secret(control_key_file, "the control key")
    try:
        document = read(Path(seed)) if seed else USUAL
        Path(database).parent.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            # What the warning says is said below, once, as a sentence.
            warnings.simplefilter("ignore", LocalOktaWarning)
            local = LocalOkta(
                database, control_key=key, mail_folder=Path(mail_folder or settings().mail_folder or "mails")
            )
        sow(local.store, document)
        server = make_server(host, port, local.app, threaded=True)
    except SeedError as error:
        common.fail(common.sentence_of(error))
    except OSError as error:
        common.fail(f"The local Okta cannot start: {(error.strerror or 'the system refused').lower()}.")
    click.echo(
        f"A local Okta is at http://localhost:{port}. It is a stand-in: everybody is whoever they say."
    )
    if not seed:
        token = credentials.random_token("local-okta-")
        sow(local.store, {"api_tokens": [{"name": "command-line", "token": token}]})
        click.echo(f"Its API token, for `flask okta connect`: {token}")
    local.start()
    server.serve_forever()  # until Ctrl-C, which Werkzeug takes for the end and not for an error
    local.stop()
    click.echo("Stopped.")


def _refuse_elsewhere(host: str) -> None:
    """Let the stand-ins run only where the settings allow them, and only on loopback."""
    if not settings().allow_sandbox:
        common.fail(
            "The sandbox verifies nobody and is refused here: only settings with allow_sandbox "
            "(config/demo.toml, config/test.toml) may run it."
        )
    if not is_loopback(host):
        common.fail("The sandbox listens on loopback only, such as 127.0.0.1.")


def _known_at(port: int) -> list[Configuration]:
    """Return the portal's configurations that live at this sandbox, as its console would hold them."""
    base = settings().issuer
    return [
        Configuration(
            id=row.id,
            api_key=vault().unseal(row.api_key_sealed),
            passed_url=f"{base}/v1/openid/verify-result",
            failed_url=f"{base}/v1/openid/verify-result",
            name=f"{settings().organisation} sign-in",
            face_mode=_FACE_MODES[row.match_mode],
            verifiers=frozenset(map(Verifier, row.required_verifiers)) - {Verifier.FACE},
            collection=row.id,
            webhook_url=f"{base}/verifeye/webhook",
        )
        for row in registry.every()
        if is_loopback(urlsplit(row.api_url).hostname) and urlsplit(row.api_url).port == port
    ]
