"""A provider written the usual way: Flask, Flask-SQLAlchemy's models, Authlib's mixins and grant.

Nothing is tuned, with one kindness: the signing key is read once per process and not for each token.
"""

import os
import time

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.integrations.sqla_oauth2 import (
    OAuth2AuthorizationCodeMixin,
    OAuth2ClientMixin,
    OAuth2TokenMixin,
    create_query_client_func,
    create_save_token_func,
)
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import UserInfo
from authlib.oidc.core.grants import OpenIDCode
from flask import Flask, jsonify, redirect, request, session
from flask_sqlalchemy import SQLAlchemy
from joserfc.jwk import RSAKey
from sqlalchemy import event

app = Flask(__name__)
app.secret_key = "a-key-for-the-session-of-the-benchmark"
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
app.config["OAUTH2_TOKEN_EXPIRES_IN"] = {"authorization_code": 3600}
db = SQLAlchemy(app)
_given = os.environ


def _now() -> int:
    return int(time.time())  # noqa: TID251 - a program of its own, which sees nothing of the portal


class User(db.Model):
    """Somebody who signs in."""

    id = db.Column(db.Integer, primary_key=True)
    login = db.Column(db.String(100), unique=True)

    def get_user_id(self):
        """Return what Authlib stores with a token."""
        return self.id


class Client(db.Model, OAuth2ClientMixin):
    """A relying party."""

    id = db.Column(db.Integer, primary_key=True)


class Code(db.Model, OAuth2AuthorizationCodeMixin):
    """An authorization code."""

    id = db.Column(db.Integer, primary_key=True)
    user_id = db.Column(db.Integer, db.ForeignKey("user.id"))
    user = db.relationship("User")

    def is_expired(self):
        """Say whether it may not be redeemed any more: codes live an hour here, as everywhere in this run."""
        return self.auth_time + 3600 < _now()


class Token(db.Model, OAuth2TokenMixin):
    """An access token."""

    id = db.Column(db.Integer, primary_key=True)
    user_id = db.Column(db.Integer, db.ForeignKey("user.id"))
    user = db.relationship("User")


class CodeGrant(AuthorizationCodeGrant):
    """The grant, on the models above."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_post",)

    def save_authorization_code(self, code, request):
        """Store a fresh code."""
        payload = request.payload
        db.session.add(
            Code(
                code=code,
                client_id=request.client.client_id,
                redirect_uri=payload.redirect_uri,
                scope=payload.scope,
                nonce=payload.data.get("nonce"),
                user_id=request.user.id,
                code_challenge=payload.data.get("code_challenge"),
                code_challenge_method=payload.data.get("code_challenge_method"),
            )
        )
        db.session.commit()

    def query_authorization_code(self, code, client):
        """Return a stored code that has not expired."""
        found = Code.query.filter_by(code=code, client_id=client.client_id).first()
        return found if found and not found.is_expired() else None

    def delete_authorization_code(self, authorization_code):
        """Forget a code that was redeemed."""
        db.session.delete(authorization_code)
        db.session.commit()

    def authenticate_user(self, authorization_code):
        """Return whom the code is about."""
        return db.session.get(User, authorization_code.user_id)


class IdToken(OpenIDCode):
    """The ID token's claims and key."""

    def exists_nonce(self, nonce, request):
        """Say that every nonce is new: the load uses one for all, and a look-up less is no harm."""
        return False

    def resolve_client_private_key(self, client):
        """Return the key that signs."""
        return _key()

    def get_client_algorithm(self, client):
        """Return how it signs."""
        return "RS256"

    def get_client_claims(self, client):
        """Return what every ID token says."""
        return {"iss": _given["ISSUER"]}

    def generate_user_info(self, user, scope):
        """Return what is said about the person."""
        return UserInfo(sub=str(user.id))


_keys = []


def _key():
    if not _keys:
        with open(_given["KEY_FILE"], "rb") as file:
            _keys.append(RSAKey.import_key(file.read(), {"kid": "bench", "use": "sig", "alg": "RS256"}))
    return _keys[0]


server = AuthorizationServer(
    app,
    query_client=create_query_client_func(db.session, Client),
    save_token=create_save_token_func(db.session, Token),
)
server.register_grant(CodeGrant, [IdToken(require_nonce=False), CodeChallenge(required=True)])


@app.get("/authorize")
def authorize():
    """Answer with a code, or send somebody who is not signed in to do that first."""
    user = db.session.get(User, session["user"]) if "user" in session else None
    if user is None:
        session["next"] = request.full_path
        return redirect("/login")
    grant = server.get_consent_grant(end_user=user)
    return server.create_authorization_response(grant_user=user, grant=grant)


@app.get("/login")
def login():
    """Sign in the one person there is."""
    session["user"] = User.query.filter_by(login="amara").one().id
    return redirect(session.pop("next"))


@app.post("/token")
def token():
    """Redeem a code."""
    return server.create_token_response()


@app.get("/jwks")
def jwks():
    """Publish the key."""
    return jsonify({"keys": [_key().as_dict(private=False)]})


@app.get("/.well-known/openid-configuration")
def discovery():
    """Publish the addresses."""
    issuer = _given["ISSUER"]
    return jsonify(
        issuer=issuer,
        authorization_endpoint=f"{issuer}/authorize",
        token_endpoint=f"{issuer}/token",
        jwks_uri=f"{issuer}/jwks",
        response_types_supported=["code"],
        subject_types_supported=["public"],
        id_token_signing_alg_values_supported=["RS256"],
        code_challenge_methods_supported=["S256"],
    )


def _each_commit_is_synced(connection, _):
    for statement in (
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",
        "PRAGMA busy_timeout = 20000",
    ):
        connection.execute(statement)


with app.app_context():
    if db.engine.dialect.name == "sqlite":
        event.listen(db.engine, "connect", _each_commit_is_synced)


@app.cli.command("stage")
def stage():
    """Make the tables, the person and the client."""
    db.create_all()
    db.session.add(User(login="amara"))
    client = Client(client_id=_given["BENCH_CLIENT_ID"], client_secret=_given["BENCH_CLIENT_SECRET"])
    client.set_client_metadata(
        {
            "client_name": "Benchmark",
            "redirect_uris": [_given["BENCH_REDIRECT_URI"]],
            "response_types": ["code"],
            "grant_types": ["authorization_code"],
            "token_endpoint_auth_method": "client_secret_post",
            "scope": "openid",
        }
    )
    db.session.add(client)
    db.session.commit()


@app.get("/bench/codes/<int:count>")
def codes(count):
    """Store fresh codes for the benchmark."""
    user, made = User.query.first(), [os.urandom(24).hex() for _ in range(count)]
    db.session.execute(
        db.insert(Code),
        [
            {
                "code": code, "client_id": _given["BENCH_CLIENT_ID"],
                "redirect_uri": _given["BENCH_REDIRECT_URI"],
                "response_type": "code", "scope": "openid", "nonce": _given["BENCH_NONCE"],
                "user_id": user.id,
                "auth_time": _now(), "code_challenge": _given["BENCH_CHALLENGE"],
                "code_challenge_method": "S256",
            }
            for code in made
        ],
    )  # fmt: skip
    db.session.commit()
    return "\n".join(made)
