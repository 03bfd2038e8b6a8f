"""What leaves the portal and what it writes down: no secret, no token and no name where none belongs."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.extensions import db
from portal.http.outbound import Outbound
from portal.models import AuditEvent
from tests.support import factories
from tests.support.sandbox_server import SandboxServer
from tests.support.scenes import Scene


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Everything that is logged, by anybody, at any level."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Whole())
    roots = [logging.getLogger(), logging.getLogger("portal")]
    levels = [root.level for root in roots]
    for root in roots:
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
    yield stream
    for root, level in zip(roots, levels, strict=True):
        root.removeHandler(handler)
        root.setLevel(level)


class _Whole(logging.Formatter):
    """Writes every attribute of a record: whatever a formatter could ever show."""

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record) + " " + repr(sorted(vars(record).items(), key=lambda item: item[0]))


def secrets_of(scene: Scene, visit: Any, code: str, tokens: dict[str, Any], back: str) -> dict[str, str]:
    cookie = visit.browser.get_cookie("__Host-portal-browser", domain="portal.test")
    return {
        "the code": code,
        "the access token": tokens["access_token"],
        "the ID token": tokens["id_token"],
        "the client's secret": scene.stage.client_secret,
        "the API key": factories.API_KEY,
        "the code verifier": visit.request.code_verifier,
        "the browser's secret": cookie.value,
        "the one-time state": back.partition("state=")[2].partition("&")[0],
        "the signature": back.partition("reSignature=")[2],
    }


PERSONAL = ("amara", "okafor", "acme.example")


def walk(scene: Scene) -> tuple[dict[str, str], str]:
    """Walk through failures and a success by every door, and return what must not be found anywhere."""
    visit = scene.arrive()
    visit, bad = scene.waiting(visit, outcome="liveness_fails")
    visit.person.open(bad)
    visit, back = scene.waiting(visit)
    visit.browser.get(back.replace("passed", "failed"))
    visit.browser.get(back + "&state=x")
    visit.person.open(back)
    code = visit.person.arrival.parameters["code"]
    tokens = scene.okta.redeem_code(code, visit.request.code_verifier)
    scene.okta.userinfo(tokens["access_token"])
    with pytest.raises(Exception, match="invalid_grant"):
        scene.okta.redeem_code(code, visit.request.code_verifier)
    other = scene.arrive(login_hint=None)
    other.person.press(login=scene.stage.login)
    scene.okta.revoke(tokens["access_token"])
    return secrets_of(scene, visit, code, tokens, back), scene.stage.login


@pytest.mark.settings(log_level="DEBUG")
def test_neither_the_log_nor_the_audit_log_holds_a_secret_or_a_name(
    app: Flask, sandbox_server: SandboxServer, written: io.StringIO
) -> None:
    scene = Scene(app, sandbox_server)
    start = written.tell()
    hidden, login = walk(scene)
    log = written.getvalue()[start:]
    assert "capture:capture:passed" in log, "the log is being read"
    with app.app_context():
        rows = db.session.execute(sa.select(AuditEvent)).scalars().all()
        audit = json.dumps(
            [[row.event, row.reference, row.client_id, row.user_id, row.fields] for row in rows]
        )
    for name, value in hidden.items():
        assert value not in log, f"the log holds {name}"
        assert value not in audit, f"the audit log holds {name}"
    for word in (*PERSONAL, login):
        assert word not in audit.lower()
        assert word not in log.lower(), word


def test_nothing_personal_and_nothing_of_the_client_is_sent_to_verifeye(
    app: Flask, sandbox_server: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    get, post = Outbound.get, Outbound.post_json

    def noted_get(self: Any, url: str, **options: Any) -> Any:
        sent.append(url)
        return get(self, url, **options)

    def noted_post(self: Any, url: str, document: Any, **options: Any) -> Any:
        sent.append(f"{url} {json.dumps(document)}")
        return post(self, url, document, **options)

    monkeypatch.setattr(Outbound, "get", noted_get)
    monkeypatch.setattr(Outbound, "post_json", noted_post)
    scene = Scene(app, sandbox_server, enrolled=False, enrolment="first-use")
    hidden, login = walk(scene)
    visit = scene.arrive()
    everything = "\n".join([*sent, scene.start(visit)]).lower()
    assert "signature/create" in everything
    for word in (*PERSONAL, login, scene.stage.user_id, scene.stage.client_id.lower(), scene.journey().id,
                 scene.journey().reference.lower()):  # fmt: skip
        if word != scene.stage.verification_id:
            assert word not in everything, word
    for name, value in hidden.items():
        if name not in ("the one-time state", "the signature"):
            assert value.lower() not in everything, name


def test_what_a_secret_is_kept_as(app: Flask, sandbox_server: SandboxServer) -> None:
    """Read the whole database as a thief would: nothing in it can be presented anywhere."""
    scene = Scene(app, sandbox_server)
    hidden, _ = walk(scene)
    with app.app_context(), db.engine.connect() as connection:
        dump = "\n".join(
            repr(row)
            for table in db.metadata.sorted_tables
            for row in connection.execute(sa.text(f"SELECT * FROM {table.name}"))
        )
    assert scene.stage.login in dump, "the dump is whole"
    for name, value in hidden.items():
        assert value not in dump, f"the database holds {name}"
