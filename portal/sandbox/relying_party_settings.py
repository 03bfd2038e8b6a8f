"""What the demo relying party is told: where the portal is, as whom it comes, and who may be played."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class DemoClient:
    """One registration at the portal. ``key`` names it in addresses, ``label`` and ``note`` on the page."""

    key: str
    label: str
    note: str
    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """Somebody whose sign-in can be tried.

    The rest is what Okta knows of them: its id for them, the name, a ``familiar`` form of the given name, and
    further ``attributes`` by the names of claims.
    """

    login: str
    name: str
    note: str
    okta_id: str = ""
    given_name: str = ""
    family_name: str = ""
    familiar: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """Everything the relying party knows beforehand; the rest it learns by discovery.

    ``origin`` is its own address, ``sandbox`` that of VerifEye's stand-in, for the link to it.
    ``idv_clients`` are for identity verification, one for each way of writing claims; without them there is
    no recovery.
    """

    issuer: str
    origin: str
    sandbox: str
    clients: tuple[DemoClient, ...]
    people: tuple[DemoPerson, ...]
    idv_clients: tuple[DemoClient, ...] = ()
    okta: str = ""
    okta_token: str = field(default="", repr=False)
    okta_group: str = ""
    okta_attribute: str = ""
    newcomer: str = ""

    @property
    def redirect_uri(self) -> str:
        """Where the portal's answers go: the path that Okta has."""
        return f"{self.origin}/oauth2/v1/authorize/callback"

    def client(self, key: str) -> DemoClient | None:
        """Return the client called ``key``."""
        return next((client for client in self.clients if client.key == key), None)

    def idv_client(self, encoding: str) -> DemoClient:
        """Return the identity verification client whose claims are written as ``encoding`` says."""
        return next((client for client in self.idv_clients if client.key == encoding), self.idv_clients[0])


def read_settings(path: Path) -> DemoSettings:
    """Return the settings in a JSON file; each client names the file that holds its secret.

    Raises ``OSError``, ``ValueError``, ``KeyError`` or ``TypeError`` for a file unlike the launcher's.
    """
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return DemoSettings(
        issuer=document["issuer"],
        origin=document["origin"],
        sandbox=document["sandbox"],
        clients=tuple(_client(entry) for entry in document["clients"]),
        people=tuple(DemoPerson(**entry) for entry in document["people"]),
        idv_clients=tuple(_client(entry) for entry in document["idv_clients"]),
        okta=document["okta"],
        okta_token=Path(document["okta_token_file"]).read_text(encoding="utf-8").strip(),
        okta_group=document["okta_group"],
        okta_attribute=document["okta_attribute"],
        newcomer=document["newcomer"],
    )


def _client(entry: dict[str, str]) -> DemoClient:
    secret = Path(entry.pop("client_secret_file")).read_text(encoding="utf-8").strip()
    return DemoClient(**entry, client_secret=secret)
