"""Where the demo's applications listen and where its files are."""

import fcntl
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HOUSE = Path(__file__).resolve().parents[2]

#: Chooses another folder for the demo's files.
FOLDER = "PORTAL_DEMO_FOLDER"
#: The variables that choose other ports.
PORTS = {
    "PORTAL_DEMO_PORT": 8080,
    "PORTAL_DEMO_SANDBOX_PORT": 8081,
    "PORTAL_DEMO_CLIENT_PORT": 8082,
    "PORTAL_DEMO_OKTA_PORT": 8083,
}


class DemoProblem(Exception):
    """The demo cannot go on; the message is a sentence for whoever typed ``make run``."""


@dataclass(frozen=True, slots=True)
class Places:
    """Ports and files of one demo."""

    portal_port: int
    sandbox_port: int
    client_port: int
    okta_port: int
    folder: Path

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Places":
        """Return the places that the environment chooses, or the usual ones; raises :class:`DemoProblem`."""
        ports = []
        for name, usual in PORTS.items():
            text = environ.get(name) or str(usual)
            if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65_535:
                raise DemoProblem(f"{name} must be a port: a number from 1 to 65535.")
            ports.append(int(text))
        if len(set(ports)) != len(ports):
            raise DemoProblem(f"{', '.join(PORTS)} must be four different ports.")
        portal, sandbox, client, okta = ports
        folder = Path(environ.get(FOLDER) or HOUSE / ".demo").resolve()
        return cls(portal, sandbox, client, okta, folder)

    @property
    def portal(self) -> str:
        """The portal's origin, which is its issuer."""
        return f"http://localhost:{self.portal_port}"

    @property
    def sandbox(self) -> str:
        """The origin of VerifEye's stand-in."""
        return f"http://localhost:{self.sandbox_port}"

    @property
    def client(self) -> str:
        """The relying party's origin."""
        return f"http://localhost:{self.client_port}"

    @property
    def okta(self) -> str:
        """The local Okta's origin, which is its issuer."""
        return f"http://localhost:{self.okta_port}"

    @property
    def database(self) -> Path:
        """The portal's database."""
        return self.folder / "portal.sqlite3"

    @property
    def sandbox_database(self) -> Path:
        """The stand-in's faces and sessions."""
        return self.folder / "sandbox.sqlite3"

    @property
    def okta_database(self) -> Path:
        """The local Okta's people, log and the rest."""
        return self.folder / "okta.sqlite3"

    @property
    def okta_seed(self) -> Path:
        """What the local Okta is filled with at its start."""
        return self.folder / "okta.json"

    @property
    def mails(self) -> Path:
        """The folder into which the portal puts its mails."""
        return self.folder / "mails"

    @property
    def client_settings(self) -> Path:
        """What the relying party is told."""
        return self.folder / "relying-party.json"

    @property
    def mark(self) -> Path:
        """Written last: the set-up is complete, for these addresses."""
        return self.folder / "complete.json"

    @property
    def lock(self) -> Path:
        """Held by the demo that runs from this folder, and there as long as the folder is a demo's."""
        return self.folder / "lock"

    @property
    def logs(self) -> Path:
        """The folder of the logs."""
        return self.folder / "logs"

    def log(self, name: str) -> Path:
        """Return the log of one process."""
        return self.logs / f"{name}.log"

    def secret(self, name: str) -> Path:
        """Return the file of one secret."""
        return self.folder / "secrets" / name

    def shown(self, path: Path) -> str:
        """Return a path as it is best typed where the demo was started."""
        return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)

    @property
    def command(self) -> str:
        """How the portal's commands are called for this demo: what differs from config/demo.toml is added."""
        words = [f"PORTAL_CONFIG={self.shown(HOUSE / 'config' / 'demo.toml')}"]
        if self.portal_port != PORTS["PORTAL_DEMO_PORT"]:
            words.append(f"PORTAL_ISSUER={self.portal}")
        if self.folder != HOUSE / ".demo":
            words.append(f"PORTAL_DATABASE_URL=sqlite:///{self.database}")
            words.append(f"PORTAL_MAIL_FOLDER={self.mails}")
        return " ".join([*words, self.shown(HOUSE / ".venv" / "bin" / "flask"), "--app wsgi"])


def environment(places: Places) -> dict[str, str]:
    """Return the environment of the demo's processes: ours, without settings meant for another portal."""
    foreign = ("PORTAL_", "FLASK_", "GUNICORN_", "WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return kept | {
        "PORTAL_CONFIG": str(HOUSE / "config" / "demo.toml"),
        "PORTAL_ISSUER": places.portal,
        "PORTAL_DATABASE_URL": f"sqlite:///{places.database}",
        "PORTAL_MAIL_FOLDER": str(places.mails),
        # A log is read while it is written.
        "PYTHONUNBUFFERED": "1",
    }


def take_folder(places: Places) -> None:
    """Make the demo's folder this process's own, until it ends; raises :class:`DemoProblem`.

    Setting up begins by removing what an earlier set-up has left, which may be neither another demo's that is
    running nor anybody's own files.
    """
    folder = places.folder
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_ours = folder == HOUSE / ".demo" or places.lock.exists() or places.mark.exists()
        if not is_ours and any(folder.iterdir()):
            raise DemoProblem(
                f"{places.shown(folder)} holds files that are not a demo’s, and setting up could remove "
                f"some of them. Name an empty folder in {FOLDER}."
            )
        lock = os.open(places.lock, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise DemoProblem(
            f"Another demo runs from {places.shown(folder)}. Stop that, or choose another folder beside the "
            f"other ports: {FOLDER}={places.shown(folder)}-2 make run"
        ) from error
    except OSError as error:
        raise DemoProblem(
            f"The folder {places.shown(folder)} cannot be used ({(error.strerror or 'refused').lower()}). "
            f"Name another one in {FOLDER}."
        ) from error


def require_free_ports(places: Places) -> None:
    """Raise :class:`DemoProblem` for a port that another program listens on."""
    chosen = (places.portal_port, places.sandbox_port, places.client_port, places.okta_port)
    for variable, port in zip(PORTS, chosen, strict=True):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise DemoProblem(
                    f"Port {port} cannot be used ({(error.strerror or 'refused').lower()}): another program, "
                    f"perhaps another demo, has it. Stop that, or choose another: "
                    f"{variable}={port + 1000 if port < 64_000 else 18_080} make run"
                ) from error
