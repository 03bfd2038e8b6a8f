"""The least that a Flask provider with a durable database can be: the floor under every other figure.

One table, and one statement and one commit for each of a sign-in's four requests (authorize, login, resume,
token); no ORM, no Authlib, the key and the client read once. What makes a redemption right is there: secrets
and codes are stored as keyed digests, PKCE is demanded (RFC 7636, S256), a browser resumes only its own
request, and a code is spent by one conditional statement. What makes a product is not: no audit, no log, no
limits, no pages, no rotation, no clean-up.
"""

import base64
import hashlib
import hmac
import json
import os
import secrets
import time
from functools import lru_cache
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from flask import Flask, redirect, request
from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    MetaData,
    String,
    Table,
    Text,
    bindparam,
    create_engine,
    event,
    insert,
    select,
    update,
)  # fmt: skip

app = Flask(__name__)
_given = os.environ
_ISSUER = _given["ISSUER"]
_LIFETIME = 3600  # of requests, codes and tokens, as everywhere in this run
_DIGEST_KEY = b"a-key-for-the-digests-of-the-benchmark"

_metadata = MetaData()
_clients = Table(
    "clients", _metadata,
    Column("client_id", String(64), primary_key=True),
    Column("secret_digest", String(64), nullable=False),
    Column("redirect_uri", Text, nullable=False),
)  # fmt: skip
#: One row from the authorization request to the access token.
_sign_ins = Table(
    "sign_ins", _metadata,
    Column("id", String(64), primary_key=True),
    Column("client_id", String(64), nullable=False),
    Column("redirect_uri", Text, nullable=False),
    Column("state", Text), Column("nonce", Text),
    Column("code_challenge", String(64), nullable=False),
    Column("browser_digest", String(64), nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("login", String(100)), Column("auth_time", BigInteger),
    Column("code_digest", String(64)), Column("code_expires_at", BigInteger),
    Column("redeemed_at", BigInteger),
    Column("access_digest", String(64)), Column("access_expires_at", BigInteger),
    Index("sign_ins_by_code", "code_digest", unique=True),
    Index("sign_ins_by_access", "access_digest", unique=True),
)  # fmt: skip
_row = _sign_ins.c

#: Every step is one statement, so each commits by itself.
_engine = create_engine(_given["DATABASE_URL"], isolation_level="AUTOCOMMIT", skip_autocommit_rollback=True)


@event.listens_for(_engine, "connect")
def _each_commit_is_synced(connection, _):
    if _engine.dialect.name == "sqlite":
        for statement in (
            "PRAGMA journal_mode = WAL",
            "PRAGMA synchronous = FULL",
            "PRAGMA busy_timeout = 20000",
        ):
            connection.execute(statement)


_OPEN = insert(_sign_ins)
_SIGN_IN = (
    update(_sign_ins)
    .where(
        _row.id == bindparam("sign_in"), _row.browser_digest == bindparam("browser"),
        _row.login.is_(None), _row.expires_at > bindparam("now"),
    )
    .values(login=bindparam("who"), auth_time=bindparam("now"))
    .returning(_row.id)
)  # fmt: skip
_ISSUE = (
    update(_sign_ins)
    .where(
        _row.id == bindparam("sign_in"), _row.browser_digest == bindparam("browser"),
        _row.login.is_not(None), _row.code_digest.is_(None), _row.expires_at > bindparam("now"),
    )
    .values(code_digest=bindparam("code"), code_expires_at=bindparam("end"))
    .returning(_row.redirect_uri, _row.state)
)  # fmt: skip
_SPEND = (
    update(_sign_ins)
    .where(
        _row.code_digest == bindparam("code"), _row.client_id == bindparam("client"),
        _row.redeemed_at.is_(None), _row.code_expires_at > bindparam("now"),
    )
    .values(
        redeemed_at=bindparam("now"),
        access_digest=bindparam("access"), access_expires_at=bindparam("end"),
    )
    .returning(_row.redirect_uri, _row.code_challenge, _row.login, _row.auth_time, _row.nonce)
)  # fmt: skip


def _done(statement, **values):
    """Run one statement and return the row that it changed, or ``None``; it is committed."""
    with _engine.connect() as connection:
        return connection.execute(statement, values).one_or_none()


def _now():
    return int(time.time())  # noqa: TID251 - a program of its own, which sees nothing of the portal


def _digest(secret):
    return hmac.digest(_DIGEST_KEY, secret.encode(), "sha256").hex()


def _b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


@lru_cache
def _client(client_id):
    """Return a client; it is read once."""
    with _engine.connect() as connection:
        return connection.execute(select(_clients).where(_clients.c.client_id == client_id)).one_or_none()


@lru_cache
def _key():
    with open(_given["KEY_FILE"], "rb") as file:
        return load_pem_private_key(file.read(), None)


_HEADER = _b64(b'{"alg":"RS256","typ":"JWT","kid":"bench"}')


def _signed(claims):
    """Return the claims as a JWT (RFC 7515, RS256)."""
    signing_input = _HEADER + b"." + _b64(json.dumps(claims, separators=(",", ":")).encode())
    return (signing_input + b"." + _b64(_key().sign(signing_input, PKCS1v15(), SHA256()))).decode()


@app.get("/authorize")
def authorize():
    """Keep a valid request and send the browser to sign in."""
    asked = request.args
    client = _client(asked.get("client_id", ""))
    if client is None or asked.get("redirect_uri") != client.redirect_uri:
        return "Unknown client, or not its address.", 400
    if (
        asked.get("response_type") != "code"
        or "openid" not in asked.get("scope", "").split()
        or asked.get("code_challenge_method") != "S256"
        or len(asked.get("code_challenge", "")) != 43
    ):
        return _back(client.redirect_uri, asked.get("state"), error="invalid_request")
    sign_in, browser = secrets.token_hex(16), secrets.token_urlsafe(32)
    with _engine.connect() as connection:
        connection.execute(
            _OPEN,
            {
                "id": sign_in, "client_id": client.client_id, "redirect_uri": client.redirect_uri,
                "state": asked.get("state"), "nonce": asked.get("nonce"),
                "code_challenge": asked["code_challenge"],
                "browser_digest": _digest(browser), "expires_at": _now() + _LIFETIME,
            },
        )  # fmt: skip
    response = redirect(f"/login/{sign_in}", 303)
    response.set_cookie("browser", browser, httponly=True, samesite="Lax")
    return response


@app.get("/login/<sign_in>")
def login(sign_in):
    """Sign in the one person there is."""
    browser = _digest(request.cookies.get("browser", ""))
    if _done(_SIGN_IN, sign_in=sign_in, browser=browser, who="amara", now=_now()) is None:
        return "This sign-in is over.", 400
    return redirect(f"/resume/{sign_in}", 303)


@app.get("/resume/<sign_in>")
def resume(sign_in):
    """Issue the code."""
    code, now = secrets.token_urlsafe(32), _now()
    browser = _digest(request.cookies.get("browser", ""))
    row = _done(_ISSUE, sign_in=sign_in, browser=browser, code=_digest(code), now=now, end=now + _LIFETIME)
    if row is None:
        return "This sign-in is over.", 400
    return _back(row.redirect_uri, row.state, code=code)


def _back(redirect_uri, state, **answer):
    more = {"state": state} if state is not None else {}
    return redirect(f"{redirect_uri}?{urlencode(answer | more | {'iss': _ISSUER})}", 303)


@app.post("/token")
def token():
    """Redeem a code (RFC 6749 4.1.3, ``client_secret_post``)."""
    form = request.form
    client = _client(form.get("client_id", ""))
    offered = _digest(form.get("client_secret", ""))
    if client is None or not hmac.compare_digest(offered, client.secret_digest):
        return _refused("invalid_client", 401)
    if form.get("grant_type") != "authorization_code":
        return _refused("unsupported_grant_type")
    now, access = _now(), secrets.token_urlsafe(32)
    spent = _done(
        _SPEND, code=_digest(form.get("code", "")), client=client.client_id,
        access=_digest(access), now=now, end=now + _LIFETIME,
    )  # fmt: skip
    challenge = _b64(hashlib.sha256(form.get("code_verifier", "").encode()).digest()).decode()
    if (
        spent is None
        or spent.redirect_uri != form.get("redirect_uri")
        or not hmac.compare_digest(challenge, spent.code_challenge)
    ):
        return _refused("invalid_grant")
    claims = {
        "iss": _ISSUER, "sub": spent.login, "aud": client.client_id, "iat": now, "exp": now + _LIFETIME,
        "auth_time": spent.auth_time,
    }  # fmt: skip
    if spent.nonce is not None:
        claims["nonce"] = spent.nonce
    answer = {
        "access_token": access, "token_type": "Bearer", "expires_in": _LIFETIME, "scope": "openid",
        "id_token": _signed(claims),
    }  # fmt: skip
    return answer, 200, {"Cache-Control": "no-store"}


def _refused(error, status=400):
    return {"error": error}, status, {"Cache-Control": "no-store"}


@app.get("/jwks")
def jwks():
    """Publish the key."""
    numbers = _key().public_key().public_numbers()
    n, e = (
        _b64(value.to_bytes((value.bit_length() + 7) // 8, "big")).decode()
        for value in (numbers.n, numbers.e)
    )
    return {"keys": [{"kty": "RSA", "kid": "bench", "use": "sig", "alg": "RS256", "n": n, "e": e}]}


@app.get("/.well-known/openid-configuration")
def discovery():
    """Publish the addresses."""
    return {
        "issuer": _ISSUER,
        "authorization_endpoint": f"{_ISSUER}/authorize",
        "token_endpoint": f"{_ISSUER}/token",
        "jwks_uri": f"{_ISSUER}/jwks",
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "code_challenge_methods_supported": ["S256"],
    }


@app.cli.command("stage")
def stage():
    """Make the tables and the client."""
    _metadata.create_all(_engine)
    with _engine.connect() as connection:
        connection.execute(
            insert(_clients).values(
                client_id=_given["BENCH_CLIENT_ID"],
                secret_digest=_digest(_given["BENCH_CLIENT_SECRET"]),
                redirect_uri=_given["BENCH_REDIRECT_URI"],
            )
        )


@app.get("/bench/codes/<int:count>")
def codes(count):
    """Store fresh codes for the benchmark."""
    made, now = [secrets.token_urlsafe(32) for _ in range(count)], _now()
    with _engine.execution_options(isolation_level="SERIALIZABLE").begin() as connection:
        connection.execute(
            _OPEN,
            [
                {
                    "id": secrets.token_hex(16), "client_id": _given["BENCH_CLIENT_ID"],
                    "redirect_uri": _given["BENCH_REDIRECT_URI"], "nonce": _given["BENCH_NONCE"],
                    "code_challenge": _given["BENCH_CHALLENGE"], "browser_digest": _digest(code),
                    "expires_at": now + _LIFETIME, "login": "amara", "auth_time": now,
                    "code_digest": _digest(code), "code_expires_at": now + _LIFETIME,
                }
                for code in made
            ],
        )  # fmt: skip
    return "\n".join(made)
