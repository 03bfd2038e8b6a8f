"""``flask client``: the relying parties, Okta first among them."""

import json
from typing import Any

import click

from portal.cli import common
from portal.extensions import settings
from portal.models import Client
from portal.oidc import registration
from portal.oidc.profiles import (
    ASYMMETRIC_ALGS,
    CLAIM_ENCODINGS,
    CLAIM_RETURNS,
    ENROLMENT_POLICIES,
    PROFILES,
    SYMMETRIC_REQUEST_ALGS,
)
from portal.oidc.registration import VerifiedClaims
from portal.signing_keys.keyring import ALGORITHMS
from portal.verifications import registry

group = common.Group("client", help="Keep the relying parties: Okta, or any other OpenID Connect client.")

_PROFILE_HELP = "; ".join(f"{name}: {profile.description}" for name, profile in PROFILES.items()) + "."


@group.command("add")
@click.argument("name")
@click.option("--verification", required=True, metavar="UUID", help="The VerifEye verification it uses.")
@click.option("--profile", required=True, type=click.Choice([*PROFILES]), help=_PROFILE_HELP)
@click.option(
    "--redirect-uri",
    "redirect_uris",
    multiple=True,
    required=True,
    metavar="URI",
    help="Where answers go, compared exactly; may be given more than once.",
)
@click.option("--client-id", metavar="ID", help="The client id.  [default: the verification's UUID]")
@click.option(
    "--client-secret-file",
    metavar="FILE",
    help="Where a secret of your own is; - for standard input. Without it one is made and printed once.",
)
@click.option(
    "--enrolment",
    type=click.Choice(ENROLMENT_POLICIES),
    default="invited",
    show_default=True,
    help="Who may be enrolled inside a sign-in: nobody without an invitation; anybody in a request whose "
    "integrity is proven; or whoever comes first under a login.",
)
@click.option("--require-pkce", is_flag=True, help="Refuse requests without PKCE (always so for oidc).")
@click.option(
    "--id-token-alg",
    type=click.Choice(ALGORITHMS),
    default="RS256",
    show_default=True,
    help="What signs its ID tokens; Okta is known to accept RS256.",
)
@click.option(
    "--request-object-alg",
    "request_algs",
    multiple=True,
    type=click.Choice(SYMMETRIC_REQUEST_ALGS + ASYMMETRIC_ALGS),
    help="Take signed request objects with this algorithm only; may be given more than once.  [default: what "
    "the profile, the secret's length and the public keys allow]",
)
@click.option(
    "--no-request-objects", is_flag=True, help="Refuse signed request objects; the secret is digested only."
)
@click.option("--require-par", is_flag=True, help="Take pushed requests only (always so for okta-idv).")
@click.option(
    "--claim-encoding",
    type=click.Choice(CLAIM_ENCODINGS),
    default="object",
    show_default=True,
    help="How verified claims are written for Okta: today's objects, or plain values.",
)
@click.option(
    "--claim-returns",
    type=click.Choice(CLAIM_RETURNS),
    default="MATCHED",
    show_default=True,
    help="What stands for a matched claim: the word MATCHED (no personal data leaves), or the value.",
)
@click.option(
    "--name-threshold", type=float, metavar="SCORE", help="From which score two names are the same (0 to 1)."
)
@click.option(
    "--trust-framework",
    "trust_frameworks",
    multiple=True,
    metavar="NAME",
    help="A trust framework that may be asserted beside the profile's own; may be given more than once.",
)
@click.option("--jwks-file", metavar="FILE", help="Its public keys, as a JWK Set; - for standard input.")
@click.option("--jwks-uri", metavar="URL", help="Where its public keys are, as a JWK Set.")
@common.json_option
def add(
    name: str,
    verification: str,
    profile: str,
    redirect_uris: tuple[str, ...],
    client_id: str | None,
    client_secret_file: str | None,
    enrolment: str,
    require_pkce: bool,
    id_token_alg: str,
    request_algs: tuple[str, ...],
    jwks_file: str | None,
    jwks_uri: str | None,
    no_request_objects: bool,
    require_par: bool,
    claim_encoding: str,
    claim_returns: str,
    name_threshold: float | None,
    trust_frameworks: tuple[str, ...],
    as_json: bool,
) -> None:
    """Add the client NAME (people read it: "NAME asks you to ...")."""
    if (client_secret_file, jwks_file) == ("-", "-"):
        common.fail("Standard input can hold the secret or the keys, not both.")
    try:
        client, made = registration.register(
            name,
            verification_id=common.configuration(verification).id,
            profile=profile,
            redirect_uris=redirect_uris,
            client_id=client_id,
            secret=_given_secret(client_secret_file),
            enrolment=enrolment,
            require_pkce=require_pkce,
            id_token_alg=id_token_alg,
            request_algs=() if no_request_objects else request_algs or None,
            jwks=_given_jwks(jwks_file),
            jwks_uri=jwks_uri,
            require_par=require_par,
            verified_claims=VerifiedClaims(claim_encoding, claim_returns, name_threshold, trust_frameworks),
        )
    except registration.ClientExists:
        common.fail(f"There is a client {client_id or common.canonical(verification)} already; "
                    "choose another id with --client-id.")  # fmt: skip
    except ValueError as error:
        common.fail(common.sentence_of(error))
    common.commit()
    if as_json:
        common.print_json({**described(client), "client_secret": made})
        return
    click.echo(f"Added the client {client.name}.")
    common.print_facts(_for_its_admin(client, made))
    if made is not None:
        click.echo("Copy the secret now: it cannot be shown again.")
    if profile in ("okta-factor", "okta-sso") and not client.request_object_algs:
        click.echo("In Okta, set the request signature to NONE (Terraform: request_signature_scope).")


@group.command("list")
@common.json_option
def list_all(as_json: bool) -> None:
    """List every client, the disabled ones too."""
    clients = registration.every()
    if as_json:
        common.print_json([described(client) for client in clients])
    elif not clients:
        click.echo("There is no client yet; `flask client add` adds one.")
    else:
        common.print_table(
            ("CLIENT ID", "NAME", "PROFILE", "ENROLMENT", "STATE", "ADDED"),
            [
                (
                    client.id,
                    client.name,
                    client.profile,
                    client.enrolment_policy,
                    "disabled" if client.disabled_at else "active",
                    client.created_at,
                )
                for client in clients
            ],
        )


@group.command("show")
@click.argument("client_id")
@common.json_option
def show(client_id: str, as_json: bool) -> None:
    """Show the client CLIENT_ID; its secrets are never shown."""
    client = find_client(client_id)
    if as_json:
        common.print_json(described(client))
        return
    common.print_facts(
        [
            ("Name", client.name),
            *_for_its_admin(client, None),
            ("Profile", client.profile),
            ("Verification", client.verification_id),
            ("Enrolment", client.enrolment_policy),
            ("PKCE", "required" if client.require_pkce else "checked where it is used"),
            ("ID tokens", client.id_token_alg),
            ("Request objects", ", ".join(client.request_object_algs) or "refused"),
            (
                "Public keys",
                client.jwks_uri or (f"{len(client.jwks['keys'])} given" if client.jwks else None),
            ),
            ("Secrets", [_secret_line(secret) for secret in described(client)["secrets"]]),
            ("Added", client.created_at),
            ("Disabled", client.disabled_at),
        ]
    )


@group.command("disable")
@click.argument("client_id")
def disable(client_id: str) -> None:
    """Refuse everything from the client CLIENT_ID from now on."""
    client = find_client(client_id)
    changed = registration.disable(client)
    common.commit()
    click.echo(f"The client {client.id} is disabled{'' if changed else ' already'}.")


@group.command("enable")
@click.argument("client_id")
def enable(client_id: str) -> None:
    """Serve the disabled client CLIENT_ID again."""
    client = find_client(client_id)
    changed = registration.enable(client)
    common.commit()
    click.echo(f"The client {client.id} is enabled{'' if changed else ' already'}.")


@group.command("rotate-secret")
@click.argument("client_id")
@click.option(
    "--client-secret-file",
    metavar="FILE",
    help="Where the new secret is; - for standard input. Without it one is made and printed once.",
)
@click.option(
    "--overlap",
    type=click.IntRange(0, registration.LONGEST_OVERLAP),
    default=registration.DEFAULT_OVERLAP,
    show_default=True,
    metavar="SECONDS",
    help="How long the former secret stays good; 0 ends it at once.",
)
@common.json_option
def rotate_secret(client_id: str, client_secret_file: str | None, overlap: int, as_json: bool) -> None:
    """Give the client CLIENT_ID another secret."""
    client = find_client(client_id)
    given = _given_secret(client_secret_file)
    try:
        secret = registration.rotate_secret(client, secret=given, overlap_seconds=overlap)
    except ValueError as error:
        common.fail(common.sentence_of(error))
    common.commit()
    if as_json:
        common.print_json({**described(client), "client_secret": secret if given is None else None})
        return
    if given is None:
        common.print_facts([("Client ID", client.id), ("Client secret", secret)])
        click.echo("Copy the secret now: it cannot be shown again.")
    else:
        click.echo(f"The client {client.id} has another secret.")
    click.echo(
        f"The former secret stays good for {overlap} seconds." if overlap else "The former one is void."
    )


def described(client: Client) -> dict[str, Any]:
    """Return what ``--json`` prints about a client; never a secret."""
    return {
        "client_id": client.id,
        "name": client.name,
        "profile": client.profile,
        "verification_id": client.verification_id,
        "redirect_uris": client.redirect_uris,
        "enrolment": client.enrolment_policy,
        "require_pkce": client.require_pkce,
        "id_token_alg": client.id_token_alg,
        "request_object_algs": client.request_object_algs,
        "jwks": client.jwks,
        "jwks_uri": client.jwks_uri,
        "require_par": client.require_par,
        "claim_encoding": client.claim_encoding,
        "claim_returns": client.claim_returns,
        "name_threshold": client.name_threshold,
        "trust_frameworks": client.trust_frameworks or [],
        "created_at": client.created_at,
        "disabled_at": client.disabled_at,
        "secrets": [
            {"created_at": secret.created_at, "expires_at": secret.expires_at} for secret in client.secrets
        ],
        "provider": provider_addresses(),
    }


def provider_addresses() -> dict[str, str]:
    """Return the portal's own addresses as a relying party's administrator enters them (design: URLs)."""
    issuer = settings().issuer
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/v1/openid/authorize",
        "token_endpoint": f"{issuer}/v1/openid/token",
        "jwks_uri": f"{issuer}/v1/openid/jwks",
        "userinfo_endpoint": f"{issuer}/v1/openid/userinfo",
        "pushed_authorization_request_endpoint": f"{issuer}/oauth2/par",
        "identity_verification_endpoint": f"{issuer}/oauth2/idv-authorize",
        "privacy": settings().privacy_url or f"{issuer}/privacy",
        "terms": settings().terms_url or f"{issuer}/terms",
    }


def _for_its_admin(client: Client, secret: str | None) -> list[tuple[str, Any]]:
    addresses = provider_addresses()
    is_idv = client.profile == "okta-idv"
    facts: list[tuple[str, Any]] = [("Issuer", addresses["issuer"])]
    if is_idv:
        facts.append(("PAR endpoint", addresses["pushed_authorization_request_endpoint"]))
        facts.append(("Authorization endpoint", addresses["identity_verification_endpoint"]))
    else:
        facts.append(("Authorization endpoint", addresses["authorization_endpoint"]))
    facts += [("Token endpoint", addresses["token_endpoint"]), ("JWKS endpoint", addresses["jwks_uri"])]
    if is_idv:
        facts += [("Terms (EULA)", addresses["terms"]), ("Privacy notice", addresses["privacy"])]
    else:
        facts.append(("Userinfo endpoint", addresses["userinfo_endpoint"]))
    facts.append(("Client ID", client.id))
    if secret is not None:
        facts.append(("Client secret", secret))
    return [*facts, ("Redirect URI", client.redirect_uris)]


def _secret_line(secret: dict[str, Any]) -> str:
    until = common.moment(secret["expires_at"])
    return f"since {common.moment(secret['created_at'])}" + (f", until {until}" if until else "")


def find_client(client_id: str) -> Client:
    """Return the client, named by its id in any form of a UUID; ends the command if there is none."""
    client = registration.find(client_id) or registration.find(_as_uuid(client_id))
    if client is None:
        common.fail(f"There is no client {client_id}; `flask client list` shows all.")
    return client


def _as_uuid(client_id: str) -> str:
    """Return a client id that is a UUID in the form that the portal gave it; any other as it is."""
    try:
        return registry.canonical_id(client_id)
    except ValueError:
        return client_id


def _given_secret(path: str | None) -> str | None:
    return None if path is None else common.read_secret(path, "the client secret")


def _given_jwks(path: str | None) -> dict[str, Any] | None:
    if path is None:
        return None
    try:
        document: dict[str, Any] = json.loads(common.read_text(path, "the client's JWK Set"))
    except (ValueError, RecursionError):
        common.fail("The JWK Set is not valid JSON.")
    return document
