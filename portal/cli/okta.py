"""``flask okta``: what concerns Okta as a product; ``simulate`` plays it towards a portal."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

import click

from portal.cli import common
from portal.cli.okta_report import print_result
from portal.extensions import db, settings
from portal.models import Client
from portal.okta.simulator import (
    Browser,
    CannotListen,
    Connection,
    Endpoints,
    FactorRequest,
    IdvRequest,
    PersonAtBrowser,
    Result,
    Walker,
    simulate_factor,
    simulate_idv,
)
from portal.okta.simulator.listener import TEN_MINUTES, check_address
from portal.settings import is_loopback

group = common.Group("okta", help="Work with Okta, or see what Okta would see.")
simulate = common.Group(
    "simulate",
    help="Play Okta: send what it documents, judge the answer by its published rules. The exit code is 0 "
    "only if Okta would let the person through.",
)
group.add_command(simulate)

_Function = TypeVar("_Function", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--issuer", metavar="URL", help="The provider.  [default: this portal]"),
    click.option("--client-id", required=True, metavar="ID", help="The client that Okta is at the provider."),
    click.option(
        "--client-secret-file",
        metavar="FILE",
        help="Where its secret is; - for standard input. Without it you are asked.",
    ),
    click.option(
        "--redirect-uri",
        metavar="URI",
        help="Okta's callback, as it is registered.  [default: one that the client has here]",
    ),
    click.option(
        "--walk", is_flag=True, help="Press the pages' main buttons; addresses of this machine only."
    ),
    click.option("--face", metavar="NAME", help="With --walk: who is in front of the sandbox's camera."),
    click.option("--outcome", metavar="NAME", help="With --walk: what happens at the sandbox, such as pass."),
    click.option(
        "--timeout",
        type=click.FloatRange(1, 86_400),
        default=TEN_MINUTES,
        show_default=True,
        metavar="SECONDS",
        help="How long to wait for a person.",
    ),
    common.json_option,
)


def _with_options(function: _Function) -> _Function:
    """Add the options that both simulations have."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@simulate.command("factor")
@_with_options
@click.option(
    "--login", metavar="LOGIN", help="The person's Okta login, which preferred_username must equal."
)
@click.option("--login-hint", metavar="HINT", help="What is sent as login_hint.  [default: the login]")
@click.option("--pkce/--no-pkce", default=False, show_default=True, help="Send a PKCE challenge (S256).")
@click.option("--signed", is_flag=True, help="Send a request object signed with the client secret (HS256).")
@click.option("--userinfo", is_flag=True, help="Read the profile from userinfo, as if it were configured.")
def factor(
    login: str | None, login_hint: str | None, pkce: bool, signed: bool, userinfo: bool, **common_options: Any
) -> None:
    """Play a factor prompt: a Generic OIDC identity provider with the usage "Factor only"."""
    options = _Common(**common_options)
    request = FactorRequest(
        options.connection(),
        login=login or login_hint,
        login_hint=login_hint or login,
        pkce=pkce,
        signed=signed,
        userinfo=userinfo,
    )
    _finish(options, lambda browser: simulate_factor(request, browser), typed=login or login_hint)


@simulate.command("idv")
@_with_options
@click.option("--login-hint", required=True, metavar="ID", help="The person's Okta user id (00u...).")
@click.option("--given-name", required=True, metavar="NAME", help="The person's given name in Okta.")
@click.option("--family-name", required=True, metavar="NAME", help="The person's family name in Okta.")
@click.option(
    "--claim",
    "claims",
    multiple=True,
    metavar="NAME=VALUE",
    help="A further attribute, such as birthdate=2000-01-31 or address.locality=Lagos; may be repeated.",
)
@click.option("--flow", metavar="ID", help="The vendor's flow (scope idv_flow_ID).")
@click.option(
    "--body",
    type=click.Choice(["form", "json"]),
    default="form",
    show_default=True,
    help="Push a form with claims as JSON text, or one JSON document under a form's content type.",
)
@click.option(
    "--encoding",
    type=click.Choice(["object", "plain"]),
    default="object",
    show_default=True,
    help="How claims are written: {value, fuzzy: true} as today, or as first published.",
)
@click.option("--pkce/--no-pkce", default=True, show_default=True, help="Okta sends nothing without PKCE.")
def idv(
    login_hint: str,
    given_name: str,
    family_name: str,
    claims: tuple[str, ...],
    flow: str | None,
    body: Literal["form", "json"],
    encoding: Literal["object", "plain"],
    pkce: bool,
    **common_options: Any,
) -> None:
    """Play an identity verification: a custom vendor in the account management policy."""
    options = _Common(**common_options)
    request = IdvRequest(
        options.connection(),
        login_hint,
        {"given_name": given_name, "family_name": family_name, **_attributes(claims)},
        flow=flow,
        body=body,
        encoding=encoding,
        pkce=pkce,
    )
    _finish(options, lambda browser: simulate_idv(request, browser), typed=login_hint)


class _Common:
    """What both commands were told, made usable; ends the command with a sentence where it is not."""

    def __init__(
        self,
        *,
        issuer: str | None,
        client_id: str,
        client_secret_file: str | None,
        redirect_uri: str | None,
        walk: bool,
        face: str | None,
        outcome: str | None,
        timeout: float,
        as_json: bool,
    ) -> None:
        self.issuer = (issuer or settings().issuer).rstrip("/")
        self.client_id, self.walk, self.as_json = client_id, walk, as_json
        self.face, self.outcome, self.timeout = face, outcome, timeout
        self._secret_file = client_secret_file
        self._check_issuer()
        if not walk and (face or outcome):
            common.fail("--face and --outcome are for --walk; a person chooses on the page.")
        self.redirect_uri = redirect_uri or self._registered()
        if not walk:
            try:
                check_address(self.redirect_uri)
            except CannotListen as error:
                common.fail(common.sentence_of(error))

    def connection(self) -> Connection:
        """Return the connection to the provider; asks for the secret."""
        secret = common.read_secret(self._secret_file, "the client secret")
        return Connection(Endpoints.of_portal(self.issuer), self.client_id, secret, self.redirect_uri)

    def browser(self, typed: str | None) -> Browser:
        """Return the browser step: a walk, or waiting for a person."""
        if self.walk:
            return Walker(face=self.face, outcome=self.outcome, login=typed)
        return PersonAtBrowser(self._announce, self.timeout)

    def _announce(self, address: str) -> None:
        click.echo(f"Open this address in a browser now:\n\n  {address}\n", err=True)
        click.echo(f"Waiting at {self.redirect_uri} for {self.timeout:.0f} seconds; Ctrl-C stops.", err=True)

    def _check_issuer(self) -> None:
        try:
            parts = urlsplit(self.issuer)
            host, local = parts.hostname, is_loopback(parts.hostname)
        except ValueError:
            host, local = None, False
        if not host or parts.scheme not in ("http", "https"):
            common.fail("The issuer is an address such as https://verify.example.com.")
        if parts.scheme == "http" and not local:
            common.fail("The client's secret is sent over https only, except on this machine.")
        if self.walk and not local:
            common.fail("Only a portal on this machine can be walked; elsewhere a person has to look.")

    def _registered(self) -> str:
        """Return a redirect URI that the client has at this portal: one to listen at, for a person."""
        client = db.session.get(Client, self.client_id) if self.issuer == settings().issuer else None
        registered = list(client.redirect_uris) if client is not None else []
        db.session.rollback()  # nothing is held in the database while somebody is being waited for
        local = [uri for uri in registered if is_loopback(urlsplit(uri).hostname)]
        found = (registered if self.walk else local)[:1]
        if not found:
            common.fail(
                "Say with --redirect-uri where answers go: the client has no address "
                f"{'' if self.walk else 'on this machine '}registered here."
            )
        return found[0]


def _attributes(claims: tuple[str, ...]) -> Mapping[str, str]:
    attributes = {}
    for claim in claims:
        name, separator, value = claim.partition("=")
        if not separator or not name or not value:
            common.fail("A claim is given as name=value, such as --claim birthdate=2000-01-31.")
        attributes[name] = value
    return attributes


def _finish(options: _Common, run: Callable[[Browser], Result], *, typed: str | None) -> None:
    try:
        result = run(options.browser(typed))
    except CannotListen as error:
        common.fail(common.sentence_of(error))
    if options.as_json:
        common.print_json(result.as_document())
    else:
        print_result(result)
    if not result.accepted:
        raise click.exceptions.Exit(1)
