"""The world of `make run` in a test: portal, VerifEye's stand-in and the demo relying party, on loopback."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from portal.extensions import db
from portal.oidc import flows
from portal.oidc.registration import VerifiedClaims
from portal.sandbox.relying_party import create_relying_party
from portal.sandbox.relying_party_settings import DemoClient, DemoPerson, DemoSettings
from portal.users import holds
from tests.support import factories, web_server
from tests.support.browsers import LivePortal

_BORN = {"birthdate": "1992-03-08"}
_PEOPLE = (
    DemoPerson("amara@acme.example", "Amara Okafor", "enrolled", "00u1amara", "Amara", "Okafor", "A.", _BORN),
    DemoPerson(
        "bela@acme.example", "Béla Kovács", "not enrolled yet", "00u2bela", "Béla", "Kovács", "Bela", _BORN
    ),
    DemoPerson(
        "sam@acme.example", "Samuel Lindqvist", "enrolled", "00u3sam", "Samuel", "Lindqvist", "Sam", _BORN
    ),
    DemoPerson(
        "dana@acme.example", "Dana Whitfield", "suspended", "00u4dana", "Dana", "Whitfield", "D.", _BORN
    ),
)


@dataclass(frozen=True)
class World:
    """Three origins, and who is known there: Amara and Sam are enrolled, Béla is not, Dana is suspended."""

    portal: LivePortal
    client: str
    demo: DemoSettings

    @property
    def origins(self) -> tuple[str, str, str]:
        """The origins of the portal, of VerifEye's stand-in and of the relying party."""
        return self.portal.origin, self.portal.sandbox.origin, self.client


@pytest.fixture
def world(live_portal: LivePortal) -> Iterator[World]:
    """The three applications, running."""
    with web_server.listening() as (listener, origin):
        settings = _settled(live_portal, origin)
        with web_server.serving(create_relying_party(settings), listener):
            yield World(live_portal, origin, settings)


def _settled(portal: LivePortal, origin: str) -> DemoSettings:
    redirect_uri = f"{origin}/oauth2/v1/authorize/callback"
    clients, idv_clients = [], []
    with portal.app.app_context():
        factories.signing_key()
        configuration = factories.verification_configuration(sandbox=portal.sandbox)
        for profile, enrolment in (("okta-factor", "signed"), ("okta-sso", "invited"), ("oidc", "first-use")):
            client, secret = factories.oidc_client(
                configuration,
                profile=profile,
                enrolment=enrolment,
                redirect_uris=[redirect_uri],
                client_id=f"demo-{profile}",
                request_algs=["HS256"],
            )
            clients.append(DemoClient(profile, profile, enrolment, client.id, secret))
        for encoding in ("object", "plain"):
            client, secret = factories.oidc_client(
                configuration,
                profile="okta-idv",
                enrolment="invited",
                redirect_uris=[f"{origin}/idp/identity-verification/callback"],
                client_id=f"demo-okta-idv-{encoding}",
                verified_claims=VerifiedClaims(encoding=encoding),
            )
            flows.add(client, "recover", purpose="recover")
            idv_clients.append(DemoClient(encoding, "Okta", "", client.id, secret))
        added = {
            person.login: factories.user(
                person.login,
                given_name=person.given_name,
                family_name=person.family_name,
                okta_id=person.okta_id,
                birthdate="1992-03-08",
            )
            for person in _PEOPLE
        }
        dana = added["dana@acme.example"]
        for login in ("amara@acme.example", "sam@acme.example", "dana@acme.example"):
            factories.enrolment(added[login], configuration)
        holds.suspend(dana, how="test")
        db.session.commit()
    return DemoSettings(
        portal.origin, origin, portal.sandbox.origin, tuple(clients), _PEOPLE, tuple(idv_clients)
    )
