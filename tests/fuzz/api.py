"""Drive the described API with schemathesis: ``python -m tests.fuzz.api SECONDS [tag …]``.

The portal runs under gunicorn as in production, on a SQLite database of its own, with limits that do not
stop the run. For each tag of ``docs/openapi.json`` schemathesis sends what the description allows and what it
forbids. Fails on a 5xx, on an answer that the description does not know, on a credential that was not looked
at, and on a method that should not be there.
"""

import base64
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from portal.connections import hook_secrets
from portal.extensions import db
from tests.production import serving
from tests.production.processes import free_port, listens, running, wait_until
from tests.scim.callers import new_token
from tests.support import factories
from tests.support.databases import Database
from tests.support.machine import TOP
from tests.support.portal_app import close, make_app

CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance",
    "response_headers_conformance", "response_schema_conformance", "ignored_auth", "unsupported_method",
)  # fmt: skip
_API_KEY = "fuzz-only-api-key-0123456789abcdef"


@contextmanager
def _portal(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Serve a portal and give its origin and the header with which each tag comes in."""
    database = Database("sqlite", f"sqlite:///{folder}/portal.sqlite3")
    limits = {
        f"PORTAL_RATE_LIMIT_{name}": "1000000 per second"
        for name in ("TOKEN", "CLIENT", "SECRET_FAILURES", "WEBHOOK", "OKTA_EVENTS", "SCIM")
    }
    serving.prepare(database, **limits)
    credentials = _credentials(database)
    address = ("127.0.0.1", free_port())
    held = serving.environment(database, PORTAL_BIND=f"127.0.0.1:{address[1]}", **limits)
    with running(serving.COMMAND, folder / "gunicorn.log", cwd=TOP, env=held):
        wait_until(lambda: listens(address), "gunicorn")
        yield f"http://127.0.0.1:{address[1]}", credentials


def _credentials(database: Database) -> dict[str, str]:
    app = make_app(database)
    with app.app_context():
        client, secret = factories.oidc_client(factories.verification_configuration(api_key=_API_KEY))
        basic = base64.b64encode(f"{client.id}:{secret}".encode()).decode()
        hook = hook_secrets.add()[1]
        db.session.commit()
    token = new_token(app, "fuzz")
    close(app)
    return {
        "oidc": f"Authorization: Basic {basic}",
        "userinfo": "Authorization: Bearer vpa_nobody-has-this-token-0123456789",
        "public": "",
        "scim": f"Authorization: Bearer {token}",
        "okta": f"Authorization: {hook}",
        "verifeye": f"X-API-Key: {_API_KEY}",
    }


def _passes(tag: str, header: str, origin: str, seconds: str) -> bool:
    command = [str(Path(sys.executable).parent / "schemathesis"), "run", "docs/openapi.json"]
    command += ["--url", origin, "--include-tag", tag, "--phases", "examples,coverage,fuzzing"]
    command += ["--checks", ",".join(CHECKS), "--max-time", seconds, "--continue-on-failure"]
    command += ["--suppress-health-check", "all", "--warnings", "off", "--request-timeout", "30"]
    command += ["--header", header] if header else []
    print(f"fuzz: {tag} for {seconds} s", flush=True)
    return subprocess.run(command, cwd=TOP, env=os.environ | {"NO_COLOR": "1"}).returncode == 0


def main(arguments: list[str]) -> int:
    """Drive each tag for so many seconds; returns 1 if one of them failed."""
    seconds, *chosen = arguments or ["60"]
    with tempfile.TemporaryDirectory(prefix="portal-fuzz-") as folder:
        with _portal(Path(folder)) as (origin, headers):
            failed = [tag for tag in chosen or headers if not _passes(tag, headers[tag], origin, seconds)]
        log = (Path(folder) / "gunicorn.log").read_text(errors="replace")
        for line in [line for line in log.splitlines() if '"ERROR"' in line][:20]:
            print(line[:2000])
    print(f"fuzz: failed: {', '.join(failed)}" if failed else "fuzz: nothing found")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
