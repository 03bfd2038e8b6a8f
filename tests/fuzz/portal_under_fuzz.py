"""The targets that need a portal: one for the whole process, on a SQLite database in a folder of its own."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from joserfc import jws
from joserfc.jwk import OctKey

from portal import credentials
from portal.extensions import vault
from portal.journey import steps
from portal.oidc import parameters, request_objects
from portal.oidc.clients import ClientView, Secret
from portal.oidc.profiles import PROFILES
from tests.scim.callers import BASE, HEADERS, new_token
from tests.support.databases import Database, migrate
from tests.support.portal_app import close, make_app

_SECRET = "fuzz-only-client-secret-of-32-letters"
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_PLACES = ("/Users", "/Groups", "/.search", "/Users/.search", "/Groups/.search", "/Schemas", "/ResourceTypes")
_NO_LIMIT = {"rate_limit_scim": "1000000 per second"}


@dataclass
class Running:
    """A portal, its SCIM token, and the people in it."""

    app: Flask
    client: FlaskClient
    token: str
    ids: tuple[str, ...]


_running: list[tuple[Running, tempfile.TemporaryDirectory[str]]] = []


def portal() -> Running:
    """Return the portal of this process, made when it is first asked for."""
    if not _running:
        folder = tempfile.TemporaryDirectory(prefix="portal-fuzz-")
        url = f"sqlite:///{Path(folder.name) / 'portal.sqlite3'}"
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        migrate(engine)
        engine.dispose()
        app = make_app(Database("sqlite", url), **_NO_LIMIT)
        _running.append((_peopled(app), folder))
    return _running[0][0]


def end() -> None:
    """Give everything back."""
    while _running:
        running, folder = _running.pop()
        close(running.app)
        folder.cleanup()


def request_object(data: bytes) -> None:
    """Read ``data`` as a request object; if it is JSON, as the claims of one that is signed well."""
    running = portal()
    with running.app.app_context():
        client = _client()
        text = _signed(data) or data.decode("utf-8", "replace")
        try:
            inside = request_objects.verify(text, client, ["https://portal.test"])
            merged = request_objects.merge(inside, parameters.Parameters())
        except request_objects.RequestObjectRefused:
            return
        for name in merged.values:
            value = merged.get(name)
            assert value is None or parameters.is_clean(value)


def step_link(text: str) -> None:
    """Read a step link that somebody made up: it is never one of ours."""
    running = portal()
    with running.app.test_request_context():
        try:
            steps.read_link({"link": text}, steps.Step.CONTINUE)
        except steps.LinkRefused:
            return
        raise AssertionError("a link that nobody signed was taken")


def scim(data: bytes) -> None:
    """Make a SCIM request: the first byte is the method and place, then the address' rest, then the body."""
    running = portal()
    head, _, body = data[1:].partition(b"\n")
    choice = data[0] if data else 0
    method = _METHODS[choice % len(_METHODS)]
    place = _PLACES[(choice // len(_METHODS)) % len(_PLACES)]
    if choice >= 128:
        place += f"/{running.ids[choice % len(running.ids)]}"
    answer = running.client.open(
        BASE + place,
        method=method,
        query_string=head.decode("ascii", "replace"),
        data=body,
        headers=HEADERS | {"Authorization": f"Bearer {running.token}"},
        content_type="application/scim+json",
    )
    answer.close()
    assert answer.status_code < 500 or answer.status_code == 501, (answer.status_code, answer.text)
    if answer.status_code not in (204, 304):
        json.loads(answer.text)
    if method == "DELETE" and answer.status_code == 204:
        running.ids = _people(running.client, running.token)


def _peopled(app: Flask) -> Running:
    token = new_token(app, "fuzz")
    client = app.test_client()
    return Running(app, client, token, _people(client, token))


def _people(client: FlaskClient, token: str) -> tuple[str, ...]:
    def post(place: str, document: dict[str, Any]) -> str:
        answer = client.post(BASE + place, json=document, headers={"Authorization": f"Bearer {token}"})
        return str(answer.json["id"])

    schemas = "urn:ietf:params:scim:schemas:core:2.0:"
    number = credentials.random_hex(32)
    user = post("/Users", {"schemas": [f"{schemas}User"], "userName": f"jane-{number}@acme.example",
                           "name": {"givenName": "Jane", "familyName": "Doe"}, "active": True})  # fmt: skip
    group = post("/Groups", {"schemas": [f"{schemas}Group"], "displayName": f"Staff {number}",
                             "members": [{"value": user}]})  # fmt: skip
    return user, group


def _client() -> ClientView:
    made = Secret(credentials.digest(_SECRET), vault().seal(_SECRET), None)
    return ClientView(
        id="client", name="Fuzz", profile=next(iter(PROFILES.values())), verification_id="v",
        redirect_uris=(), enrolment_policy="", require_pkce=False, id_token_alg="ES256",
        request_object_algs=("HS256", "HS512"),
        jwks=None, jwks_uri=None, require_par=False, claim_encoding="", claim_returns="", name_threshold=None,
        trust_frameworks=(), known_secrets=(made,),
    )  # fmt: skip


def _signed(data: bytes) -> str | None:
    """Return ``data`` signed, or ``None`` if it is no object."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    key = OctKey.import_key(_SECRET)
    return jws.serialize_compact({"alg": "HS256"}, data, key, algorithms=["HS256"])
