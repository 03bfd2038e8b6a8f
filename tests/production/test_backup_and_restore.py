"""A backup made while people sign in is enough: restored elsewhere, their sign-ins go on, each code once."""

import resource
import signal
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from authlib.oauth2 import OAuth2Error
from flask import Flask
from flask.testing import FlaskCliRunner
from sqlalchemy.engine import make_url

from tests.support import machine, postgres_server
from tests.support.databases import Database
from tests.support.moving_clock import MovingClock
from tests.support.portal_app import close, make_app
from tests.support.relying_party import RelyingParty
from tests.support.sandbox_server import SandboxServer
from tests.support.scenes import Scene

only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
only_postgresql = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


class UnderWay:
    """Two people in the middle of a sign-in: one at VerifEye, one whose code was minted and not redeemed."""

    def __init__(self, app: Flask, sandbox: SandboxServer) -> None:
        self.scene = Scene(app, sandbox)
        self.minted, _ = self.scene.with_code()
        self.away, self.back = self.scene.waiting()

    def goes_on(self, app: Flask) -> None:
        """Let both come to their end at another portal."""
        okta = self._relying_party(app)
        tokens = okta.redeem(self.minted.person.arrival, self.minted.request)
        assert tokens.claims["sub"] == self.scene.stage.user_id
        self.away.browser.application = app
        self.away.person.open(self.back)
        tokens = okta.redeem(self.away.person.arrival, self.away.request)
        assert tokens.claims["sub"] == self.scene.stage.user_id
        for visit in (self.minted, self.away):
            with pytest.raises(OAuth2Error, match="invalid_grant"):
                okta.redeem_code(visit.person.arrival.parameters["code"], visit.request.code_verifier)

    def _relying_party(self, app: Flask) -> RelyingParty:
        stage = self.scene.stage
        return RelyingParty(
            app.test_client(),
            client_id=stage.client_id,
            client_secret=stage.client_secret,
            redirect_uri=stage.redirect_uri,
        )


def goes_on_at(database: Database, under_way: UnderWay) -> None:
    """Start a portal on the restored ``database``, and bring there to an end what had begun."""
    restored = make_app(database)
    try:
        assert restored.test_cli_runner().invoke(args=["db", "check"]).exit_code == 0
        under_way.goes_on(restored)
    finally:
        close(restored)


def program(name: str) -> str:
    return machine.program(name, f"/usr/lib/postgresql/*/bin/{name}") or machine.missing(
        f"there is no {name}"
    )


@only_postgresql
def test_a_dump_of_postgresql_restored_into_another_database(
    app: Flask, database: Database, sandbox_server: SandboxServer, postgresql_server: str, tmp_path: Path
) -> None:
    under_way, dump = UnderWay(app, sandbox_server), tmp_path / "portal.dump"
    said = app.test_cli_runner().invoke(args=["db", "backup", str(dump)])
    assert said.exit_code == 0, said.output
    assert stat.S_IMODE(dump.stat().st_mode) == 0o600
    with postgres_server.new_database(postgresql_server, "restored") as url:
        target = url.replace("+psycopg", "")
        command: list[Any] = [program("pg_restore"), "--no-owner", "--exit-on-error", "-d", target, dump]
        subprocess.run(command, check=True, capture_output=True)
        goes_on_at(Database("postgresql", url), under_way)


@only_sqlite
def test_an_online_copy_of_sqlite(
    app: Flask, runner: FlaskCliRunner, sandbox_server: SandboxServer, tmp_path: Path
) -> None:
    under_way, copy = UnderWay(app, sandbox_server), tmp_path / "copy.sqlite3"
    said = runner.invoke(args=["db", "backup", str(copy)])
    assert said.exit_code == 0, said.output
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    goes_on_at(Database("sqlite", f"sqlite:///{copy}"), under_way)


@only_sqlite
def test_a_copy_never_replaces_a_file(runner: FlaskCliRunner, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("precious")
    for name in ("there", "no/such/folder", "nul\x00"):
        said = runner.invoke(args=["db", "backup", str(tmp_path / name)])
        assert said.exit_code in (1, 2), name
        assert "Traceback" not in said.output
    assert (tmp_path / "there").read_text() == "precious"


def test_a_copy_is_of_a_file_or_in_a_folder(runner: FlaskCliRunner, tmp_path: Path) -> None:
    for words in (
        [],
        [str(tmp_path / "copy"), "--folder", str(tmp_path)],
        ["--folder", str(tmp_path / "no")],
    ):
        assert runner.invoke(args=["db", "backup", *words]).exit_code == 2, words
    assert list(tmp_path.iterdir()) == []


def test_dated_copies_are_kept_as_many_as_were_asked_for(
    runner: FlaskCliRunner, tmp_path: Path, clock: MovingClock
) -> None:
    (tmp_path / "portal-notes.txt").write_text("not ours")
    (tmp_path / "portal-20200101T000000Z.dump.part").write_text("cut off years ago")
    for _ in range(4):
        clock.advance(86_400)
        said = runner.invoke(args=["db", "backup", "--folder", str(tmp_path), "--keep", "2"])
        assert said.exit_code == 0, said.output
        newest = f"portal-{clock.now():%Y%m%dT%H%M%SZ}"
    there = sorted(path.name for path in tmp_path.iterdir())
    assert len(there) == 3, there
    assert there[1].startswith(newest)
    assert there[2] == "portal-notes.txt"
    assert "Removed 1 of the oldest copies; 2 stay." in said.output
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in tmp_path.glob("portal-2*"))


@only_sqlite
def test_the_copy_just_made_stays_where_the_clock_was_ahead_before(
    runner: FlaskCliRunner, tmp_path: Path, clock: MovingClock
) -> None:
    for _ in range(3):
        clock.advance(86_400)
        assert runner.invoke(args=["db", "backup", "--folder", str(tmp_path), "--keep", "2"]).exit_code == 0
    clock.advance(-10 * 86_400)
    said = runner.invoke(args=["db", "backup", "--folder", str(tmp_path), "--keep", "2"])
    assert said.exit_code == 0, said.output
    assert (tmp_path / f"portal-{clock.now():%Y%m%dT%H%M%SZ}.sqlite3").exists()
    assert len(list(tmp_path.iterdir())) == 2


@only_sqlite
def test_a_copy_that_was_cut_off_is_named(runner: FlaskCliRunner, tmp_path: Path) -> None:
    (tmp_path / "copy.part").write_text("half of it")
    said = runner.invoke(args=["db", "backup", str(tmp_path / "copy")])
    assert said.exit_code == 1
    assert "copy.part is there" in said.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["copy.part"]


@only_sqlite
def test_a_disk_that_fills_up_leaves_a_sentence_and_nothing_else(
    runner: FlaskCliRunner, tmp_path: Path
) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        said = runner.invoke(args=["db", "backup", str(tmp_path / "copy")])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert said.exit_code == 1
    assert "Nothing was copied: " in said.stderr
    assert list(tmp_path.iterdir()) == []


@only_postgresql
@pytest.mark.parametrize(("writes", "says"), [("half of it", "the disk is full"), ("", "")])
def test_a_dump_that_fails_leaves_nothing_that_passes_for_one(
    runner: FlaskCliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: str, says: str
) -> None:
    program = tmp_path / "bin" / "pg_dump"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nprintf '{writes}'\nprintf '{says}' >&2\nexit 1\n")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    said = runner.invoke(args=["db", "backup", str(tmp_path / "copy")])
    assert said.exit_code == 1
    assert f"Nothing was copied. pg_dump says: {says or 'nothing'}" in said.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]


@only_postgresql
def test_the_database_password_is_no_argument(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, told = tmp_path / "pg_dump", tmp_path / "told"
    program.write_text(f'#!/bin/sh\necho "$@" "$PGPASSWORD" > {told}\n')
    program.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    url = make_url(database.url)._replace(password="s3cret/of:it").render_as_string(hide_password=False)
    app = make_app(Database("postgresql", url))
    try:
        said = app.test_cli_runner().invoke(args=["db", "backup", str(tmp_path / "copy")])
    finally:
        close(app)
    assert said.exit_code == 0, said.output
    *arguments, password = told.read_text().split()
    assert password == "s3cret/of:it"
    assert "s3cret" not in " ".join(arguments)
    assert url.rpartition("/")[2] in arguments[-1]


@only_postgresql
def test_without_pg_dump_it_says_what_to_install(
    runner: FlaskCliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    said = runner.invoke(args=["db", "backup", str(tmp_path / "copy")])
    assert said.exit_code == 1
    assert "postgresql-client" in said.stderr
    assert list(tmp_path.iterdir()) == []
