"""The checks of ``flask doctor`` that ask this installation alone; ``network_checks`` asks others."""

from collections.abc import Callable, Iterator

from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError

from portal import clock
from portal.audit import chain
from portal.cli import db as migrations
from portal.cli import enrolment_checks, network_checks, okta_checks, worker_checks
from portal.cli.common import database_reason
from portal.cli.findings import Finding, ok, problem, warning
from portal.connections import registry as connections
from portal.credentials import UnsealError
from portal.extensions import db, settings, vault
from portal.journey.lifecycle import RUNNING
from portal.models import Client, ClientSecret, Journey, OutboxMessage, SigningKey
from portal.oidc import registration
from portal.signing_keys import keyring
from portal.verifications import registry

_KEY_AGES = 180
_DAY = 86_400
#: What Okta's redirect addresses end in, by the client's profile (facts: Okta's Generic OIDC identity
#: provider, and its identity verification vendors).
_OKTA_CALLBACKS = {
    "okta-factor": "/oauth2/v1/authorize/callback",
    "okta-sso": "/oauth2/v1/authorize/callback",
    "okta-idv": "/idp/identity-verification/callback",
}
#: Work that is older than this was forgotten: nobody runs the worker, or the job.
_LATE_SECONDS = 900
_MOST_LIVE_SECRETS = 2


def examine(*, offline: bool) -> list[Finding]:
    """Return what every check found; without a usable database only what can be told without one."""
    findings = [*_settings()]
    database = [*_guarded("database", _database)]
    findings += database
    if any(finding.state == "problem" for finding in database):
        return findings
    for subject, check in (
        ("signing keys", _signing_keys),
        ("stored secrets", _sealed),
        ("verification configurations", _configurations),
        ("clients", _clients),
        ("enrolment", enrolment_checks.enrolment),
        ("mail", enrolment_checks.mail_settings),
        ("Okta", okta_checks.connection),
        ("worker", worker_checks.worker),
        ("outbox", _outbox),
        ("retention", _retention),
    ):
        findings += _guarded(subject, check)
    if not offline:
        findings += _guarded("VerifEye", network_checks.verifeye)
        findings += _guarded("mail server", enrolment_checks.mail_server)
        findings += _guarded("Okta's API", okta_checks.live)
        findings += _guarded("own address", network_checks.own_address)
    return findings


def _guarded(subject: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Run ``check``; one that fails is itself a finding, and the others go on."""
    try:
        yield from check()
    except SQLAlchemyError as error:
        db.session.rollback()
        yield problem(
            subject,
            f"the database failed ({database_reason(error)})",
            "see that it runs and that PORTAL_DATABASE_URL is right",
        )


def _settings() -> Iterator[Finding]:
    held = settings()
    yield ok("settings", f"{held.environment}, issuer {held.issuer}")
    if not held.support_contact:
        yield warning(
            "settings", "people are told no place to get help", "set support_contact (PORTAL_SUPPORT_CONTACT)"
        )
    if not held.production:
        yield warning(
            "settings",
            f"the environment is {held.environment}: loopback and the sandbox are allowed",
            "set environment to production before anybody relies on it",
        )
        return
    if held.trusted_proxies == 0:
        yield warning(
            "settings",
            "no proxy is trusted, so every visitor has the proxy's address if there is one",
            "set trusted_proxies to the number of proxies in front; 0 is right only where TLS ends here",
        )
    if held.rate_limit_storage.startswith("memory"):
        yield warning(
            "settings",
            "rate limits are counted by each process alone",
            "with more than one worker, set rate_limit_storage to a Redis",
        )
    if held.database_url.startswith("sqlite"):
        yield warning(
            "settings",
            "the database is SQLite: one machine, one writer at a time",
            "use PostgreSQL where several machines serve",
        )


def _database() -> Iterator[Finding]:
    with db.engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    yield ok("database", f"{db.engine.dialect.name} answers")
    at, newest = migrations.current(), migrations.newest()
    if at == newest:
        yield ok("migrations", f"at the newest, {newest}")
    elif migrations.made_by_a_newer_release(at):
        yield migrations.newer_tables("migrations", at)
    else:
        yield problem("migrations", f"at {at or 'none'}, the newest is {newest}", "run `flask db upgrade`")


def _signing_keys() -> Iterator[Finding]:
    now = clock.now()
    wanted = sorted({client.id_token_alg for client in _active_clients()} | {"RS256"})
    keys = keyring.every()
    for alg in wanted:
        signing = [
            key for key in keys if key.alg == alg and key.active_from <= now and key.published_until is None
        ]
        if not signing:
            yield problem("signing keys", f"no key signs {alg}", f"make one: `flask keys rotate --alg {alg}`")
            continue
        newest = max(signing, key=lambda key: key.active_from)
        yield from _one_key(newest)
        if len(signing) > 1:
            yield warning(
                "signing keys",
                f"{len(signing) - 1} former {alg} key(s) are published without an end",
                "end it: `flask keys retire KID`; `flask keys list` names them",
            )


def _one_key(key: SigningKey) -> Iterator[Finding]:
    age = (clock.now() - key.active_from).days
    try:
        vault().unseal(key.private_sealed)
    except UnsealError:
        yield problem(
            "signing keys",
            f"the {key.alg} key cannot be opened with the configured encryption keys",
            "put the key it was sealed with back into PORTAL_ENCRYPTION_KEY",
        )
        return
    if age > _KEY_AGES:
        yield warning(
            "signing keys",
            f"the {key.alg} key has signed for {age} days",
            f"make its successor: `flask keys rotate --alg {key.alg}`",
        )
    else:
        yield ok("signing keys", f"{key.alg} is signed by {key.kid}, for {age} days")


def _sealed() -> Iterator[Finding]:
    unreadable = 0
    stored = [row.api_key_sealed for row in registry.every()]
    if (audit := chain.current()) is not None:
        stored.append(audit.key_sealed)
    if (connection := connections.current()) is not None:
        stored += [
            sealed for sealed in (connection.credential_sealed, connection.sign_in_secret_sealed) if sealed
        ]
    stored += [secret.sealed for client in _active_clients() for secret in _live(client) if secret.sealed]
    for sealed in stored:
        try:
            vault().unseal(sealed)
        except UnsealError:
            unreadable += 1
    if unreadable:
        yield problem(
            "stored secrets",
            f"{unreadable} of {len(stored)} cannot be opened with the configured encryption keys",
            "put the key they were sealed with back into PORTAL_ENCRYPTION_KEY",
        )
    else:
        yield ok("stored secrets", f"{len(stored)} can be opened")


def _configurations() -> Iterator[Finding]:
    rows = registry.every()
    if not rows:
        yield problem(
            "verification configurations", "there is none", "add one: `flask verification add UUID`"
        )
    else:
        yield ok("verification configurations", f"{len(rows)} in use")


def _clients() -> Iterator[Finding]:
    clients = _active_clients()
    if not clients:
        yield warning("clients", "there is none, so nobody can sign in", "add one: `flask client add NAME`")
        return
    before = clock.now()
    for client in clients:
        told = False
        for finding in (*_redirect_uris(client), *_secrets(client)):
            told = True
            yield finding
        if registry.find(client.verification_id) is None:
            told = True
            yield problem(
                f"client {client.id}",
                "its verification configuration was removed",
                "add the configuration again, or disable the client",
            )
        if not told:
            yield ok(
                f"client {client.id}", f"{client.profile}, added {(before - client.created_at).days} days ago"
            )


def _redirect_uris(client: Client) -> Iterator[Finding]:
    for uri in client.redirect_uris:
        try:
            registration.check_redirect_uri(uri)
        except ValueError as error:
            yield problem(
                f"client {client.id}", f"{uri}: {error}", "add the client anew with another address"
            )
            continue
        if not uri.endswith(ending := _OKTA_CALLBACKS.get(client.profile, "")):
            yield warning(
                f"client {client.id}",
                f"{uri} does not end in {ending}",
                "compare it with the redirect URI that Okta shows for the identity provider",
            )


def _secrets(client: Client) -> Iterator[Finding]:
    live = _live(client)
    if not live and client.jwks is None and client.jwks_uri is None:
        yield problem(
            f"client {client.id}",
            "it has neither a valid secret nor keys",
            f"make a secret: `flask client rotate-secret {client.id}`",
        )
    if len(live) > _MOST_LIVE_SECRETS:
        yield warning(
            f"client {client.id}",
            f"{len(live)} secrets are valid at once",
            "let the former ones end; `flask client show` says when they do",
        )
    lasting = [one for one in live if one.expires_at is None]
    if lasting and (age := (clock.now() - lasting[0].created_at).days) > 2 * _KEY_AGES:
        yield warning(
            f"client {client.id}",
            f"its secret is {age} days old",
            f"change it: `flask client rotate-secret {client.id}`",
        )


def _live(client: Client) -> list[ClientSecret]:
    return [one for one in client.secrets if one.expires_at is None or one.expires_at > clock.now()]


def _outbox() -> Iterator[Finding]:
    states = db.session.execute(select(OutboxMessage.state, func.count()).group_by(OutboxMessage.state))
    counts: dict[str, int] = {row[0]: row[1] for row in states}
    late = db.session.scalar(
        select(func.count()).where(
            OutboxMessage.state == "waiting",
            OutboxMessage.attempts == 0,
            OutboxMessage.available_at < clock.after(-_LATE_SECONDS),
        )
    )
    if counts.get("dead"):
        yield warning(
            "outbox",
            f"{counts['dead']} messages were given up",
            "`flask outbox list --state dead` says why; then `flask outbox retry ID` or `settle ID`",
        )
    if late:
        yield problem(
            "outbox",
            f"{late} messages are due for more than {_LATE_SECONDS // 60} minutes and were never tried",
            "run the worker: `flask outbox run --loop`",
        )
    else:
        yield ok("outbox", f"{counts.get('waiting', 0)} messages wait")


def _retention() -> Iterator[Finding]:
    overdue = db.session.scalar(
        select(func.count()).where(
            Journey.ended_at.is_(None),
            Journey.state.in_(RUNNING),
            Journey.expires_at < clock.after(-2 * _LATE_SECONDS),
        )
    )
    old = db.session.scalar(
        select(func.count()).where(
            Journey.ended_at < clock.after(-(settings().retention_journeys + 1) * _DAY)
        )
    )
    if overdue or old:
        yield warning(
            "retention",
            f"{overdue} journeys ran out and were not ended, {old} were kept longer than they should be",
            "see that a worker runs (`flask outbox run --loop`); `flask outbox schedule` says how it went",
        )
    else:
        yield ok("retention", "nothing is overdue")


def _active_clients() -> list[Client]:
    return [client for client in registration.every() if client.disabled_at is None]
