"""Canaille, as its guide sets it up on SQL, with what the load needs beside it.

Three kindnesses: the login asks nothing, because its own hashes a password with PBKDF2; a nonce may come
again, because the load uses one for all; and codes have an index, because more of them wait here than at any
site. Its access token is a signed JWT that names nothing but the person and the second, kept in a column that
is unique: a second one for the same person in the same second fails. So there are many people, in turn.
"""

import datetime
import itertools
import os
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from canaille.backends.sql.backend import SQLBackend
from canaille.core.auth import redirect_to_next_auth_step
from canaille.oidc import provider
from flask import g, session
from sqlalchemy import event, text

PEOPLE = 1000
_given = os.environ

app = create_app(
    {
        "SECRET_KEY": "a-key-for-the-session-of-the-benchmark",
        "SERVER_NAME": urlsplit(_given["ISSUER"]).netloc,
        "PREFERRED_URL_SCHEME": "http",
        "CANAILLE": {"DATABASE": "sql", "SMTP": None},
        "CANAILLE_SQL": {"DATABASE_URI": _given["DATABASE_URL"], "AUTO_MIGRATE": False},
        "CANAILLE_OIDC": {
            "ACTIVE_JWKS": [Path(_given["KEY_FILE"]).read_text()],
            "TRUSTED_DOMAINS": ["client.example"],
        },
    }
)
provider.exists_nonce = lambda nonce, request: False


def _now():
    return datetime.datetime.now(datetime.UTC)  # noqa: TID251 - a program of its own, apart from the portal


def _login():
    """Sign in whom the waiting request speaks of."""
    waiting = urlsplit(session["redirect-after-login"])
    g.auth.user_name = parse_qs(waiting.query)["login_hint"][0]
    g.auth.set_step_finished("password")
    return redirect_to_next_auth_step()


app.view_functions["core.auth.login"] = _login


def _each_commit_is_synced(connection, _):
    for statement in (
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",
        "PRAGMA busy_timeout = 20000",
    ):
        connection.execute(statement)


if SQLBackend.engine.dialect.name == "sqlite":
    event.listen(SQLBackend.engine, "connect", _each_commit_is_synced)


@app.cli.command("stage")
def stage():
    """Make the tables, the people and the client."""
    SQLBackend.alembic.upgrade()
    now = _now()
    for number in range(PEOPLE):
        name = f"person-{number}"
        SQLBackend.db_session.add(
            models.User(
                user_name=name, formatted_name=name, family_name=name, emails=[f"{name}@client.example"],
                created=now, last_modified=now,
            )
        )  # fmt: skip
    client = models.Client(
        client_id=_given["BENCH_CLIENT_ID"],
        client_secret=_given["BENCH_CLIENT_SECRET"],
        client_name="Benchmark",
        client_uri="https://client.example",
        redirect_uris=[_given["BENCH_REDIRECT_URI"]],
        response_types=["code"],
        grant_types=["authorization_code"],
        token_endpoint_auth_method="client_secret_post",
        id_token_signed_response_alg="RS256",
        scope=["openid"],
    )
    Backend.instance.save(client)
    client.audience = [client]
    Backend.instance.save(client)
    SQLBackend.db_session.execute(text("CREATE INDEX bench_code ON authorization_code (code)"))
    SQLBackend.db_session.commit()


@app.get("/bench/codes/<int:count>")
def codes(count):
    """Store fresh codes for the benchmark, for one person after the other."""
    client = Backend.instance.get(models.Client, client_id=_given["BENCH_CLIENT_ID"])
    people = itertools.cycle(Backend.instance.query(models.User))
    made, now = [os.urandom(24).hex() for _ in range(count)], _now()
    for code in made:
        SQLBackend.db_session.add(
            models.AuthorizationCode(
                authorization_code_id=code, code=code, client=client, subject=next(people),
                redirect_uri=_given["BENCH_REDIRECT_URI"], response_type="code", scope=["openid"],
                nonce=_given["BENCH_NONCE"], issue_date=now, lifetime=3600, auth_time=now,
                challenge=_given["BENCH_CHALLENGE"], challenge_method="S256", amr=["pwd"],
            )
        )  # fmt: skip
    SQLBackend.db_session.commit()
    return "\n".join(made)
