"""The portal as a contender: gunicorn and ``config/gunicorn.conf.py``, as in production."""

import itertools
import os
import re
import sys
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

from sqlalchemy.engine import make_url

from benchmarks import relying_party, stage, verifeye
from benchmarks.contenders import Contender, code_in, expect, redirected
from benchmarks.load.browser import Browser
from benchmarks.load.walkers import Strayed, Walk
from benchmarks.processes import Program, free_port

TOP = Path(__file__).resolve().parent.parent
_ACTION = re.compile(rb'<form method="post" action="([^"]+)"')
_FIELD = re.compile(rb'name="(csrf_token|consent_version)" value="([^"]*)"')


class Portal(Contender):
    """The portal on the database at ``url`` (SQLAlchemy's), with VerifEye at ``verifeye_origin``.

    Without ``workers`` it has as many as its configuration makes of the processors it may use.

    With ``asks_verifeye`` links are signed and returns validated by VerifEye, which is what the portal does
    unless it is told otherwise: three calls for each sign-in instead of one.
    """

    name = "portal"
    jwks = "/v1/openid/jwks"
    token = "/v1/openid/token"
    par = "/oauth2/par"

    def __init__(
        self,
        url: str,
        verifeye_origin: str,
        folder: Path,
        *,
        workers: int | None = None,
        store: Program | None = None,
    ) -> None:
        self.database = "PostgreSQL" if make_url(url).get_backend_name() == "postgresql" else "SQLite"
        self.store = store
        port = free_port()
        self.origin = f"http://127.0.0.1:{port}"
        self.app = stage.prepare(url, self.origin, verifeye=verifeye_origin)
        self._people = itertools.cycle(range(stage.PEOPLE))
        environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("PORTAL_", "GUNICORN_", "WEB_"))
            },
            **stage.environment(url, self.origin),
            **({"WEB_CONCURRENCY": str(workers)} if workers else {}),
            "PORTAL_BIND": f"127.0.0.1:{port}",
        }
        gunicorn = str(Path(sys.executable).parent / "gunicorn")
        self.server = Program(
            [gunicorn, "-c", "config/gunicorn.conf.py", "wsgi:app"],
            folder / f"portal-{self.database}.log", environment=environment, folder=TOP,
        )  # fmt: skip
        self.startup = self.server.ready(f"{self.origin}/readyz")

    def codes(self, count: int) -> list[str]:
        """Return fresh codes, stored as the portal stores them."""
        return stage.mint(self.app, count)

    def authorize_address(self, **pushed: str) -> str:
        """Return an authorization request for one of the people, or one for what was ``pushed``."""
        if pushed:
            return f"/v1/openid/authorize?{urlencode({'client_id': self.client_id, **pushed})}"
        query = relying_party.authorization(client_id=self.client_id, login_hint=self._somebody())
        return f"/v1/openid/authorize?{urlencode(query)}"

    def pushed_form(self) -> str:
        """Return the body of a pushed authorization request for one of the people."""
        return relying_party.pushed_form(self.client_id, login_hint=self._somebody())

    def sign_in(self, authorize: str, browser: Browser) -> Walk:
        """Walk over the start page, the person's consent, VerifEye's hosted page and back, to the code."""
        answer = yield browser.get(authorize)
        browser.keep(answer)
        answer = yield browser.get(redirected("authorize", answer))
        browser.keep(expect(200, "start page", answer))
        action, fields = _ACTION.search(answer.body), dict(_FIELD.findall(answer.body))
        person = stage.NUMBER.search(answer.body)
        if action is None or person is None:
            raise Strayed("start page: no form")
        form = urlencode({name.decode(): value.decode() for name, value in fields.items()})
        answer = yield browser.post(unescape(action[1].decode()), form)
        capture = redirected("consent", answer)
        if "/verification/" not in capture:
            raise Strayed("consent: not sent to VerifEye")
        state = parse_qs(urlsplit(capture).query)["state"][0]
        answer = yield browser.get(f"/v1/openid/verify-result?{verifeye.returned(state, int(person[1]))}")
        answer = yield browser.get(redirected("result", answer))
        return code_in(redirected("continue", answer))

    def use_cores(self, count: int) -> None:
        """Have a worker for each core."""
        self.server.add_workers(count)

    def close(self) -> None:
        """Stop the server and let go of the database."""
        super().close()
        stage.let_go(self.app)

    def _somebody(self) -> str:
        return stage.login(next(self._people))


class PortalAskingVerifEye(Portal):
    """The same server, asked by a client whose configuration leaves every signature to VerifEye."""

    name = "portal, signatures at VerifEye"
    client_id = stage.ASKING_VERIFICATION

    def __init__(self, portal: Portal) -> None:
        for name in ("app", "database", "store", "origin", "server", "startup", "_people"):
            setattr(self, name, getattr(portal, name))

    def close(self) -> None:
        """Leave the server to whom it belongs."""
