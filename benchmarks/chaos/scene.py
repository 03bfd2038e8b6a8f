"""What the site's database holds before anybody comes: a key, a configuration, a client, and people."""

from dataclasses import dataclass

from alembic import command

from benchmarks.chaos.stand_in import API_KEY
from portal import settings
from portal.app import create_app
from portal.audit import chain, checking
from portal.cli.db import configuration
from portal.extensions import db
from portal.models import MatchMode
from portal.oidc import registration
from portal.signing_keys import keyring
from portal.users import directory, enrolments
from portal.verifeye.regions import Endpoints
from portal.verifeye.results import Verifier
from portal.verifications import registry

CONFIGURATION = "11111111-2222-4333-8444-555555555555"
REDIRECT_URI = "https://client.example/callback"
SECRET = "a-client-secret-for-the-chaos-alone-0123456789"


@dataclass(frozen=True)
class Scene:
    """The client's view: where the portal says it is, and who may sign in."""

    issuer: str
    logins: tuple[str, ...]


def prepare(environment: dict[str, str], verifeye: str, *, people: int, newcomers: int) -> Scene:
    """Make the tables of an empty database and fill them; ``newcomers`` enrol when they first sign in."""
    app = create_app(settings.load(environment))
    with app.app_context():
        with db.engine.connect() as connection:
            command.upgrade(configuration(connection), "head")
            connection.commit()
        keyring.create("RS256")
        made = registry.add(
            CONFIGURATION, api_key=API_KEY, region=None, endpoints=Endpoints(verifeye, verifeye),
            match_mode=MatchMode.MATCH, required=[Verifier.LIVENESS], sign_locally=False,
        )  # fmt: skip
        registration.register(
            "Chaos", verification_id=made.id, profile="okta-factor", redirect_uris=[REDIRECT_URI],
            secret=SECRET, enrolment="first-use",
        )  # fmt: skip
        logins = [f"person{number}@client.example" for number in range(people + newcomers)]
        for number, login in enumerate(logins):
            person = directory.add(login, how="chaos")
            if number < people:
                enrolments.enrol_by_operator(person, made.id)
        db.session.commit()
        db.session.remove()
        db.engine.dispose()
    return Scene(environment["PORTAL_ISSUER"], tuple(logins))


def audit_faults(environment: dict[str, str]) -> int:
    """Seal what is left, go through the audit log's chain, and return how many faults it has."""
    app = create_app(settings.load(environment))
    with app.app_context():
        last: int | None = None
        while True:
            try:
                count, last = chain.seal(last)
            except chain.ChainBroken:
                break  # it is found below, too
            except chain.ChainMoved:
                db.session.rollback()  # a worker seals as well
                count, last = chain.BATCH, None
            db.session.commit()
            if count < chain.BATCH:
                break
        found = sum(1 for _ in checking.faults())
        db.session.remove()
        db.engine.dispose()
    return found
