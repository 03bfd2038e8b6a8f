"""What a test needs in the database, made through the services that operators use.

Every function needs an application context (``with app.app_context():`` or the ``context`` fixture) and
commits, so that requests, threads and other processes see what it made.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select

from portal import clock, credentials
from portal.capture import at_once
from portal.extensions import db, settings
from portal.journey import lifecycle
from portal.models import (
    Capture,
    Client,
    Enrolment,
    Journey,
    MatchMode,
    SigningKey,
    User,
    VerificationConfiguration,
)
from portal.oidc import registration
from portal.signing_keys import keyring
from portal.users import directory, enrolments
from portal.verifeye.regions import Endpoints
from portal.verifeye.results import Verifier
from portal.verifications import registry
from tests.support.network import POISON_HOST
from tests.support.sandbox_server import SandboxServer

RP_REDIRECT_URI = "https://client.example/callback"
API_KEY = "verifeye-api-key-for-tests-only"
POISON = Endpoints(f"https://{POISON_HOST}", f"https://{POISON_HOST}")

_numbers = itertools.count(1)
_made_keys: dict[str, dict[str, Any]] = {}


def number() -> int:
    """Return a number that this test process has not used yet."""
    return next(_numbers)


def verification_configuration(
    *,
    sandbox: SandboxServer | None = None,
    match: MatchMode = MatchMode.UNIQUE,
    required: Sequence[Verifier] = (Verifier.LIVENESS,),
    sign_locally: bool = False,
    api_key: str = API_KEY,
    **sandbox_options: Any,
) -> VerificationConfiguration:
    """Add a configuration: at ``sandbox``, registered there too, or else where no call may ever go.

    ``sandbox_options`` are the sandbox's own (``webhook_url``, ``shape``, ``face_mode`` …).
    """
    made = registry.add(
        f"{number():08x}-0000-4000-8000-{credentials.random_hex(48)}",
        api_key=api_key,
        region=None,
        endpoints=sandbox.endpoints if sandbox else POISON,
        match_mode=match,
        required=list(required),
        sign_locally=sign_locally,
    )
    db.session.commit()
    if sandbox is not None:
        mode = "UniqueMatchVerification" if match == MatchMode.UNIQUE else "MatchVerification"
        options = {"face_mode": mode, "verifiers": [verifier.value for verifier in required]}
        sandbox.add_configuration(made.id, api_key, result_url(), **options | sandbox_options)
    return made


def result_url() -> str:
    """Return the portal's Passed and Failed URL."""
    return f"{settings().issuer}/v1/openid/verify-result"


def oidc_client(
    configuration: VerificationConfiguration | None = None,
    *,
    profile: str = "okta-factor",
    enrolment: str = "first-use",
    redirect_uris: Sequence[str] = (RP_REDIRECT_URI,),
    name: str = "Acme sign-in",
    **options: Any,
) -> tuple[Client, str]:
    """Register a relying party and return it with its secret; ``options`` are ``registration.register``'s."""
    configuration = configuration or verification_configuration()
    client, secret = registration.register(
        name,
        verification_id=configuration.id,
        profile=profile,
        redirect_uris=list(redirect_uris),
        enrolment=enrolment,
        **options,
    )
    db.session.commit()
    return client, secret or options["secret"]


def user(login: str | None = None, **details: Any) -> User:
    """Add a person; the login is an address of its own unless one is given."""
    made = directory.add(login or f"person{number()}@acme.example", how="test", **details)
    db.session.commit()
    return made


def enrolment(person: User, configuration: VerificationConfiguration) -> Enrolment:
    """Enrol a person, confirmed, as an operator does: VerifEye stores the next face that passes."""
    made = enrolments.enrol_by_operator(person, configuration.id)
    db.session.commit()
    return made


def signing_key(alg: str = "RS256") -> SigningKey:
    """Add a signing key, once; making one takes a while, so a test process makes one and adds it again."""
    if alg not in _made_keys:
        made = keyring.create(alg)
        columns = ("kid", "alg", "private_sealed", "public_jwk")
        _made_keys[alg] = {name: getattr(made, name) for name in columns}
    elif db.session.get(SigningKey, _made_keys[alg]["kid"]) is None:
        values = {**_made_keys[alg], "created_at": clock.now(), "active_from": clock.now()}
        db.session.execute(insert(SigningKey).values(values))
    db.session.commit()
    return db.session.get_one(SigningKey, _made_keys[alg]["kid"])


def journey(
    client: Client | None = None,
    person: User | None = None,
    *,
    browser_secret: str = "0" * 32,
    **changes: Any,
) -> Journey:
    """Open a journey as the authorization endpoint does."""
    client = client or oidc_client()[0]
    values: dict[str, Any] = {
        "client_id": client.id,
        "verification_id": client.verification_id,
        "parameters": {
            "redirect_uri": client.redirect_uris[0],
            "response_mode": "query",
            "state": "a state",
            "nonce": "a nonce",
            "scope": "openid",
            "code_challenge": None,
            "claims": {},
            "application": {},
        },
        "integrity_proven": False,
        "browser_secret": browser_secret,
        "user_id": person.id if person else None,
        "account": person.login if person else None,
        "lifetime": settings().journey_lifetime,
        "attempts_allowed": settings().capture_attempts,
    }
    made = lifecycle.open_journey(**values | changes)
    db.session.commit()
    return made


@dataclass(frozen=True)
class Stage:
    """Everything a sign-in needs, as plain values that outlive the application context."""

    client_id: str
    client_secret: str
    redirect_uri: str
    verification_id: str
    user_id: str
    login: str


def capture(journey: Journey, state: str | None = None, **given: Any) -> Capture | None:
    """Begin a capture of ``journey`` as a click on the start page does; ``None`` if it may not begin."""
    secret = state or credentials.random_hex()
    values = {"enrolment_id": "e", "external_id": "x", "enrols": True, "consent_version": "2026-11-21"}
    if not at_once.begin(journey, state_secret=secret, **values | given):
        db.session.refresh(journey)
        return None
    begun = select(Capture).where(Capture.state_digest == credentials.digest(secret))
    return db.session.scalars(begun).one()


def stage(
    sandbox: SandboxServer | None = None,
    *,
    enrolled: bool = False,
    id_token_alg: str = "RS256",
    **client_options: Any,
) -> Stage:
    """Make a signing key, a configuration, a relying party and a person, and say what they are called."""
    signing_key(id_token_alg)
    configuration = verification_configuration(sandbox=sandbox)
    client, secret = oidc_client(configuration, id_token_alg=id_token_alg, **client_options)
    number_ = number()
    person = user(
        f"amara{number_}@acme.example",
        email=f"Amara.Okafor{number_}@acme.example",
        given_name="Amara",
        family_name="Okafor",
        okta_id=f"00u{number_:017d}",
    )
    if enrolled:
        enrolment(person, configuration)
    return Stage(client.id, secret, client.redirect_uris[0], configuration.id, person.id, person.login)
