"""The peers as contenders: how each is started, and the way that its own simplest login leads to a code."""

import itertools
import os
import subprocess
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from benchmarks import relying_party
from benchmarks.contenders import Contender, code_in, redirected
from benchmarks.load.browser import Browser
from benchmarks.load.walkers import Walk
from benchmarks.peers import installing
from benchmarks.processes import NotReady, Program, free_port

_GIVEN = {
    "BENCH_CLIENT_ID": relying_party.CLIENT_ID,
    "BENCH_CLIENT_SECRET": relying_party.CLIENT_SECRET,
    "BENCH_REDIRECT_URI": relying_party.REDIRECT_URI,
    "BENCH_CHALLENGE": relying_party.CHALLENGE,
    "BENCH_NONCE": relying_party.NONCE,
}
_FOREIGN = ("PORTAL_", "FLASK_", "GUNICORN_", "WEB_", "DJANGO_", "NODE_OPTIONS", "PYTHONPATH")


class Peer(Contender):
    """A peer whose pages are redirects only, followed until they lead to the relying party."""

    authorize: str

    def authorize_address(self, **pushed: str) -> str:
        """Return an authorization request, or one for what was ``pushed``."""
        query = {"client_id": self.client_id, **pushed} if pushed else relying_party.authorization()
        return f"{self.authorize}?{urlencode(query)}"

    def sign_in(self, authorize: str, browser: Browser) -> Walk:
        """Follow redirects, with the cookies they set, to the code."""
        address, step = authorize, "authorize"
        while not address.startswith(relying_party.REDIRECT_URI):
            answer = yield browser.get(address)
            browser.keep(answer)
            address, step = redirected(step, answer), "login"
        return code_in(address)

    def codes(self, count: int) -> list[str]:
        """Ask the peer to store fresh codes."""
        made: list[str] = []
        while len(made) < count:
            url = f"{self.origin}/bench/codes/{min(2000, count - len(made))}"
            made += urllib.request.urlopen(url, timeout=60).read().decode().split()
        return made

    def _environment(self, port: int, **more: str) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        return inherited | _GIVEN | {"PORT": str(port), "ISSUER": f"http://127.0.0.1:{port}"} | more


class OidcProvider(Peer):
    """npm's oidc-provider, one process; with ``redis`` what it knows is in that Redis."""

    name = "oidc-provider"
    jwks, token, par, authorize = "/jwks", "/token", "/request", "/auth"

    def __init__(self, folder: Path, redis: tuple[Program, int] | None = None) -> None:
        self.database = "Redis" if redis else "memory"
        self.store = redis[0] if redis else None
        home, port = installing.node_peer("oidc_provider"), free_port()
        self.origin = f"http://127.0.0.1:{port}"
        more = {"REDIS_PORT": str(redis[1])} if redis else {}
        environment = self._environment(port, NODE_ENV="production", **more)
        self.server = Program(
            ["node", "server.mjs"], folder / f"oidc-provider-{self.database}.log",
            environment=environment, folder=home,
        )  # fmt: skip
        self.startup = self.server.ready(self.origin + self.discovery)


class UnderGunicorn(Peer):
    """A peer written in Python, on the database at ``url`` (SQLAlchemy's), whose own program is ``store``.

    It runs under gunicorn, with so many ``workers`` of four threads and kept connections unless ``serving``
    says otherwise; without, as many as it was measured to be ``fastest_with`` on one core.
    """

    folder_name: str
    application: str
    fastest_with = 1
    serving: tuple[str, ...] = ("-k", "gthread", "--threads", "4", "--keep-alive", "15")

    def __init__(
        self, folder: Path, url: str, *, workers: int | None = None, store: Program | None = None
    ) -> None:
        self.database = "PostgreSQL" if url.startswith("postgresql") else "SQLite"
        self.store = store
        home, port = installing.python_peer(self.folder_name), free_port()
        self._source = installing.HERE / self.folder_name
        self.origin = f"http://127.0.0.1:{port}"
        key = folder / "key.pem"
        if not key.exists():
            key.write_bytes(_fresh_key())
        environment = self._environment(
            port, DATABASE_URL=self._address(url), KEY_FILE=str(key), AUTHLIB_INSECURE_TRANSPORT="1",
            OAUTHLIB_INSECURE_TRANSPORT="1", DJANGO_SETTINGS_MODULE="site_settings",
        )  # fmt: skip
        self._stage([str(home / "bin/python"), *self._staging()], environment)
        self.server = Program(
            [str(home / "bin/gunicorn"), "-w", str(workers or self.fastest_with), *self.serving,
             "--preload", "--no-control-socket", "-b", f"127.0.0.1:{port}", self.application],
            folder / f"{self.folder_name}-{self.database}.log", environment=environment, folder=self._source,
        )  # fmt: skip
        self.startup = self.server.ready(self.origin + self.discovery)

    def use_cores(self, count: int) -> None:
        """Have a worker for each core."""
        self.server.add_workers(count)

    def _stage(self, command: list[str], environment: dict[str, str]) -> None:
        made = subprocess.run(
            command, cwd=self._source, env=environment, check=False, capture_output=True, text=True
        )
        if made.returncode:
            raise NotReady(made.stderr or made.stdout)

    def _address(self, url: str) -> str:
        return url

    def _staging(self) -> list[str]:
        return ["-m", "flask", "--app", "provider", "stage"]


class BareFloor(UnderGunicorn):
    """Flask and SQLAlchemy Core, and nothing that a sign-in does not need."""

    name = "bare floor"
    folder_name, application = "bare_floor", "provider:app"
    serving = ("-k", "sync")
    fastest_with = 2
    jwks, token, authorize = "/jwks", "/token", "/authorize"

    def _address(self, url: str) -> str:
        return url.replace("postgresql://", "postgresql+psycopg://")


class PlainAuthlib(UnderGunicorn):
    """Flask, Flask-SQLAlchemy and Authlib, written the usual way."""

    name = "plain Authlib"
    folder_name, application = "plain_authlib", "provider:app"
    jwks, token, authorize = "/jwks", "/token", "/authorize"

    def _address(self, url: str) -> str:
        return url.replace("postgresql://", "postgresql+psycopg://")


class Canaille(UnderGunicorn):
    """Canaille: Flask and Authlib, with a directory, consent and pages around them."""

    name = "canaille"
    folder_name, application = "canaille", "provider:app"
    jwks, token, authorize = "/oauth/jwks.json", "/oauth/token", "/oauth/authorize"
    #: As many as its provider.py makes.
    _people = itertools.cycle(range(1000))

    def _address(self, url: str) -> str:
        return url.replace("postgresql://", "postgresql+psycopg2://")

    def authorize_address(self, **pushed: str) -> str:
        """Return an authorization request for one person after the other."""
        somebody = f"person-{next(self._people)}"
        return f"{self.authorize}?{urlencode(relying_party.authorization(login_hint=somebody))}"


class DjangoOauthToolkit(UnderGunicorn):
    """Django with django-oauth-toolkit."""

    name = "django-oauth-toolkit"
    folder_name, application = "django_oauth_toolkit", "site_wsgi:application"
    discovery = "/o/.well-known/openid-configuration"
    jwks, token, authorize = "/o/.well-known/jwks.json", "/o/token/", "/o/authorize/"

    def _staging(self) -> list[str]:
        return ["stage.py"]


def _fresh_key() -> bytes:
    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
