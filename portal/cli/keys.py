"""``flask keys``: the keys that sign ID tokens, and the one that encrypts at rest."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import click
from sqlalchemy import ColumnElement, or_, select, true, update

from portal import clock, credentials
from portal.audit.events import Event
from portal.audit.log import record
from portal.cli import common
from portal.credentials import UnsealError
from portal.extensions import db, rows_touched, table_of, vault
from portal.models import AuditChain, ClientSecret, OktaConnection, SigningKey, VerificationConfiguration
from portal.signing_keys import keyring

group = common.Group("keys", help="Keep the keys that sign ID tokens, and the one that encrypts at rest.")

#: A key's id may begin with a dash, as any text in URL-safe base64 may.
_TAKES_A_DASH = {"ignore_unknown_options": True}


@group.command("list")
@common.json_option
def list_all(as_json: bool) -> None:
    """List every key, the newest first, and what it does at present."""
    keys = keyring.every()
    if as_json:
        common.print_json([described(key) for key in keys])
    elif not keys:
        click.echo("There is no signing key yet; `flask keys rotate` makes the first.")
    else:
        common.print_table(
            ("KEY ID", "ALG", "STATE", "MADE", "SIGNS FROM", "PUBLISHED UNTIL"),
            [
                (key.kid, key.alg, state_of(key), key.created_at, key.active_from, key.published_until)
                for key in keys
            ],
        )


@group.command("rotate")
@click.option(
    "--alg",
    type=click.Choice(keyring.ALGORITHMS),
    default="RS256",
    show_default=True,
    help="The algorithm to make a key for.",
)
@common.yes_option
@common.json_option
def rotate(alg: str, yes: bool, as_json: bool) -> None:
    """Make a key: the first of its algorithm signs at once, a successor after clients have seen it.

    When the successor signs, end the publication of the former one with `flask keys retire`.
    """
    there = keyring.published()
    if there and not any(map(keyring.can_be_opened, there)):
        # The servers would sign with it when its time comes, or with nothing: tomorrow, and nobody about.
        common.confirm(
            "PORTAL_ENCRYPTION_KEY opens none of the present keys: this shell may have another one than the "
            "servers, which then cannot sign with what is made here. Make a key all the same?",
            yes=yes,
        )
    key = keyring.create(alg)
    record(Event.KEY_CREATED, kid=key.kid, alg=alg)
    common.commit()
    if as_json:
        common.print_json(described(key))
    elif key.active_from <= clock.now():
        click.echo(f"Made the {alg} key {key.kid}; it signs from now on.")
    else:
        click.echo(f"Made the {alg} key {key.kid}; it signs from {common.moment(key.active_from)}.")


@group.command("retire", context_settings=_TAKES_A_DASH)
@click.argument("kid")
@common.json_option
def retire(kid: str, as_json: bool) -> None:
    """Publish the key KID only as long as a token that it signed is valid.

    The key that signs at present cannot be retired; `flask keys rotate` makes its successor.
    """
    try:
        key = keyring.retire(kid)
    except LookupError:
        common.fail(f"There is no key {kid}; `flask keys list` shows all.")
    except keyring.KeyInUse as error:
        common.fail(common.sentence_of(error))
    record(Event.KEY_RETIRED, kid=key.kid)
    common.commit()
    if as_json:
        common.print_json(described(key))
    else:
        click.echo(f"The key {key.kid} is published until {common.moment(key.published_until)}.")


@group.command("encryption-key")
def encryption_key() -> None:
    """Print a fresh key for PORTAL_ENCRYPTION_KEY; nothing is stored.

    To change keys: put the new one first, restart, run `flask keys reseal`, take the old one away.
    """
    click.echo(credentials.new_encryption_key())


@group.command("reseal")
@common.json_option
def reseal(as_json: bool) -> None:
    """Encrypt every stored secret anew under the first key of PORTAL_ENCRYPTION_KEY.

    After that, the older keys may be taken out of the setting. What no configured key opens stays as it is;
    the exit code is 1 if any of that is in use.
    """
    counts: Counter[str] = Counter()
    unopened = 0
    for name, model, column, in_use in _sealed():
        done, left = _reseal(model, column, in_use)
        counts[name] += done
        unopened += left
    if unopened and not counts.total():
        raise UnsealError("none can be opened")
    record(Event.SECRETS_RESEALED, count=counts.total())
    common.commit()
    if as_json:
        common.print_json(counts)
    elif not unopened:
        click.echo(f"Encrypted {counts.total()} stored secrets under the newest key.")
    if unopened:
        common.fail(
            f"Encrypted {counts.total()} stored secrets under the newest key; {unopened} in use cannot be "
            "opened and stay as they are. Put the key they were sealed with behind the newest in "
            "PORTAL_ENCRYPTION_KEY and run this again, or replace them."
        )


def described(key: SigningKey) -> dict[str, Any]:
    """Return what ``--json`` prints about a key: never its private half."""
    return {
        "kid": key.kid,
        "alg": key.alg,
        "state": state_of(key),
        "created_at": key.created_at,
        "active_from": key.active_from,
        "published_until": key.published_until,
    }


def state_of(key: SigningKey) -> str:
    """Return what a key does: ``waiting``, ``signing``, ``published`` (no longer signing) or ``retired``."""
    now = clock.now()
    if key.published_until is not None:
        return "published" if key.published_until > now else "retired"
    if key.active_from > now:
        return "waiting"
    return "signing" if _signing_kid(key.alg) == key.kid else "published"


def _signing_kid(alg: str) -> str | None:
    """Return the key that signs now, read from the table: the ring of this process may be seconds old."""
    now = clock.now()
    signing = [
        key
        for key in keyring.every()
        if key.alg == alg and key.active_from <= now and key.published_until is None
    ]
    return max(signing, key=lambda key: key.active_from).kid if signing else None


def _sealed() -> Iterator[tuple[str, Any, str, ColumnElement[bool]]]:
    """Yield what is sealed: its name, table and column, and the condition under which it is in use."""
    configurations = VerificationConfiguration
    yield "audit", AuditChain, "key_sealed", true()
    yield "api_keys", configurations, "api_key_sealed", configurations.removed_at.is_(None)
    yield "client_secrets", ClientSecret, "sealed", _lasts(ClientSecret.expires_at)
    yield "okta", OktaConnection, "credential_sealed", true()
    yield "okta", OktaConnection, "sign_in_secret_sealed", true()
    yield "signing_keys", SigningKey, "private_sealed", _lasts(SigningKey.published_until)


def _lasts(end: Any) -> ColumnElement[bool]:
    return or_(end.is_(None), end > clock.now())


def _reseal(model: Any, column: str, in_use: ColumnElement[bool]) -> tuple[int, int]:
    """Seal a column anew; return how many were, and how many that are in use no configured key opens."""
    table = table_of(model)
    (key,), secret = table.primary_key.columns, table.c[column]
    rows = db.session.execute(select(key, secret, in_use.label("in_use")).where(secret.is_not(None)))
    done = left = 0
    for row_key, sealed, is_in_use in rows.all():
        try:
            anew = vault().reseal(sealed)
        except UnsealError:
            left += bool(is_in_use)
            continue
        # Not over one that somebody has replaced meanwhile: that is sealed by the newest key already.
        unchanged = update(table).where(key == row_key, secret == sealed).values({column: anew})
        done += rows_touched(db.session.execute(unchanged))
    return done, left
