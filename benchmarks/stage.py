"""What the benchmarks need in the database, and the ceilings of this machine."""

import re
import time
from collections.abc import Callable
from urllib.parse import urlencode

from alembic import command
from flask import Flask
from sqlalchemy import insert

from benchmarks import relying_party
from benchmarks.verifeye import API_KEY, face_of
from portal import clock, credentials, settings
from portal.app import create_app
from portal.cli.db import configuration
from portal.extensions import db
from portal.grants import codes
from portal.journey import lifecycle
from portal.models import AuthorizationGrant, ClientAssertion, MatchMode
from portal.oidc import registration
from portal.signing_keys import keyring
from portal.users import directory, enrolments
from portal.verifeye.regions import REGIONS, custom_endpoints
from portal.verifications import registry

VERIFICATION = relying_party.CLIENT_ID
#: A second configuration and client, for which VerifEye makes and checks every signature.
ASKING_VERIFICATION = "66666666-7777-4888-8999-aaaaaaaaaaaa"
REDIRECT_URI = relying_party.REDIRECT_URI
VERIFIER = relying_party.VERIFIER
CHALLENGE = relying_party.CHALLENGE
SECRET = relying_party.CLIENT_SECRET
#: How many people are enrolled; a start page names the account, so :data:`NUMBER` finds who it is about.
PEOPLE = 200
NUMBER = re.compile(rb"person-(\d+)@client\.example")


def login(number: int) -> str:
    """Return the login of one of the people."""
    return f"person-{number}@client.example"


LOGIN = login(0)


def environment(database: str, issuer: str) -> dict[str, str]:
    """Return the settings of the measured portal: production's in everything that costs time."""
    return {
        "PORTAL_CONFIG": str(settings.CONFIG_FOLDER / "test.toml"),
        "PORTAL_ISSUER": issuer,
        "PORTAL_DATABASE_URL": database,
        "PORTAL_SQLITE_SYNCHRONOUS": "FULL",
        "PORTAL_LOG_LEVEL": "INFO",
        "PORTAL_RATE_LIMIT_AUTHORIZE": "100000000 per minute",
        "PORTAL_RATE_LIMIT_TOKEN": "100000000 per minute",
        "PORTAL_RATE_LIMIT_CLIENT": "100000000 per minute",
        "PORTAL_RATE_LIMIT_PAGES": "100000000 per minute",
    }


def prepare(database: str, issuer: str, verifeye: str | None = None) -> Flask:
    """Make tables, a key, configurations, clients and enrolled people; return an application on them.

    ``verifeye`` is the origin of a stand-in for VerifEye; without one, nobody can be captured.
    """
    app = create_app(settings.load({**environment(database, issuer), "PORTAL_LOG_LEVEL": "WARNING"}))
    endpoints = custom_endpoints(verifeye, verifeye) if verifeye else REGIONS["eu"]
    with app.app_context():
        with db.engine.connect() as connection:
            command.upgrade(configuration(connection), "head")
            connection.commit()
        keyring.create("RS256")
        people = [directory.add(login(number), how="bench") for number in range(PEOPLE)]
        for identifier, signs_here in ((VERIFICATION, True), (ASKING_VERIFICATION, False)):
            made = registry.add(
                identifier, api_key=API_KEY, region=None, endpoints=endpoints,
                match_mode=MatchMode.MATCH, required=[], sign_locally=signs_here,
            )  # fmt: skip
            registration.register(
                "Benchmark",
                verification_id=made.id,
                profile="okta-factor",
                redirect_uris=[REDIRECT_URI],
                secret=SECRET,
            )
            for number, person in enumerate(people):
                # As after their first visit: the everyday sign-in is not one's first.
                enrolments.enrol_by_operator(person, made.id).face_id = face_of(number)
        db.session.commit()
    return app


def let_go(app: Flask) -> None:
    """Close the connections to the database."""
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def clear(app: Flask) -> None:
    """Drop the tables again."""
    with app.app_context():
        db.session.remove()
        with db.engine.connect() as connection:
            command.downgrade(configuration(connection), "base")
            connection.commit()
        db.engine.dispose()


def authorize_url(app: Flask, issuer: str) -> str:
    """Return an authorization request such as Okta sends."""
    query = relying_party.authorization(scope="openid profile email", login_hint=LOGIN)
    return f"{issuer}/v1/openid/authorize?{urlencode(query)}"


def token_form(app: Flask) -> str:
    """Return the body of a token request up to the code."""
    return relying_party.token_form()


def mint(app: Flask, count: int) -> list[str]:
    """Store ``count`` fresh codes of one journey and return them; they live for an hour."""
    with app.app_context():
        user = directory.resolve(LOGIN)
        assert user is not None
        journey = lifecycle.open_journey(
            client_id=VERIFICATION, verification_id=VERIFICATION, parameters={}, integrity_proven=False,
            browser_secret=credentials.random_hex(), user_id=user.id, account=LOGIN,
            lifetime=3600, attempts_allowed=3,
        )  # fmt: skip
        made = [credentials.random_token(codes.CODE_PREFIX) for _ in range(count)]
        claims = {"sub": user.id, "auth_time": clock.epoch(), "amr": ["face"], "nonce": relying_party.NONCE}
        row = {
            "journey_id": journey.id, "client_id": VERIFICATION, "user_id": user.id,
            "redirect_uri": REDIRECT_URI, "scope": relying_party.SCOPE, "code_challenge": CHALLENGE,
            "id_token_claims": claims,
            "userinfo_claims": claims, "confirms_enrolment": None, "created_at": clock.now(),
            "expires_at": clock.after(3600),
        }  # fmt: skip
        db.session.execute(
            insert(AuthorizationGrant), [{**row, "code_digest": credentials.digest(code)} for code in made]
        )
        db.session.commit()
        return made


def signatures_per_second(app: Flask) -> float:
    """Return how many ID tokens one thread of this machine signs in a second."""
    with app.app_context():
        signer = keyring.signer("RS256")
        return _per_second(lambda: signer.sign({"sub": "somebody", "exp": clock.epoch()}))


def commits_per_second(app: Flask) -> float:
    """Return how many one-row transactions one connection commits in a second, as durably as the portal."""

    def commit() -> None:
        db.session.execute(
            insert(ClientAssertion).values(digest=credentials.random_hex(256), expires_at=clock.now())
        )
        db.session.commit()

    with app.app_context():
        return _per_second(commit)


def _per_second(work: Callable[[], object], seconds: float = 1.5) -> float:
    started, done = time.perf_counter(), 0
    while (passed := time.perf_counter() - started) < seconds:
        work()
        done += 1
    return done / passed
