"""The contenders: the floor does everything that makes a sign-in right, and none is left out in silence."""

import importlib.util
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import KeySet

from benchmarks import databases, measures, processes, relying_party, run, table
from benchmarks.peers import installing, others

_TOP = Path(__file__).resolve().parents[2]


@pytest.fixture
def floor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The floor's own program, on a fresh database."""
    key = rsa.generate_private_key(65537, 2048)
    pem = tmp_path / "key.pem"
    pem.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    given = {
        **others._GIVEN,
        "ISSUER": "http://localhost",
        "KEY_FILE": str(pem),
        "DATABASE_URL": f"sqlite:///{tmp_path}/floor.sqlite3",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    spec = importlib.util.spec_from_file_location("floor", installing.HERE / "bare_floor/provider.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.app.test_cli_runner().invoke(args=["stage"], catch_exceptions=False)
    yield module
    module._engine.dispose()


def _login_page(browser: FlaskClient, **changed: str) -> str:
    answer = browser.get("/authorize", query_string=relying_party.authorization() | changed)
    assert answer.status_code == 303
    return answer.location


def _code(browser: FlaskClient) -> str:
    resume = browser.get(_login_page(browser)).location
    back = browser.get(resume).location
    assert back.startswith(relying_party.REDIRECT_URI)
    return parse_qs(urlsplit(back).query)["code"][0]


def _redeemed(browser: FlaskClient, code: str, *, instead: tuple[str, str] = ("", "")) -> tuple[int, dict]:
    form = relying_party.token_request(code).replace(*instead)
    answer = browser.post("/token", data=form, content_type="application/x-www-form-urlencoded")
    return answer.status_code, answer.get_json()


def test_the_floor_redeems_a_code_once_for_an_id_token_that_its_key_set_proves(floor: ModuleType) -> None:
    browser = floor.app.test_client()
    code = _code(browser)

    status, tokens = _redeemed(browser, code)

    keys = KeySet.import_key_set(browser.get("/jwks").get_json())
    claims = jwt.decode(tokens["id_token"], keys, algorithms=["RS256"]).claims
    assert (status, claims["aud"], claims["nonce"]) == (200, relying_party.CLIENT_ID, relying_party.NONCE)
    assert _redeemed(browser, code) == (400, {"error": "invalid_grant"})


def test_the_floor_refuses_another_verifier_another_address_and_another_secret(floor: ModuleType) -> None:
    browser = floor.app.test_client()
    verifier = _redeemed(browser, _code(browser), instead=(relying_party.VERIFIER, "0" * 43))
    address = _redeemed(browser, _code(browser), instead=("client.example", "other.example"))
    secret = _redeemed(browser, _code(browser), instead=(relying_party.CLIENT_SECRET, "guessed"))

    assert (verifier, address) == ((400, {"error": "invalid_grant"}), (400, {"error": "invalid_grant"}))
    assert secret == (401, {"error": "invalid_client"})


def test_the_floor_takes_no_request_without_pkce_and_no_other_browser(floor: ModuleType) -> None:
    browser = floor.app.test_client()

    assert "error=invalid_request" in _login_page(browser, code_challenge_method="plain")
    login = _login_page(browser)
    assert floor.app.test_client().get(login).status_code == 400
    resume = browser.get(login).location
    assert floor.app.test_client().get(resume).status_code == 400
    assert browser.get(resume).status_code == 303
    assert browser.get(resume).status_code == 400


def test_a_contender_that_did_not_start_fails_the_run_and_stands_in_the_report() -> None:
    report = table.Report(skipped=["oidc-provider: node is missing"], broken=["canaille: no such package"])

    assert report.wrong() == ["canaille: no such package (not started)"]
    assert "**Not started:** canaille: no such package" in table.rendered(report)
    assert table.Report(skipped=["oidc-provider: node is missing"]).wrong() == []


@pytest.mark.parametrize("database", ["PostgreSQL", "SQLite"])
def test_the_portal_is_held_against_the_floor_on_the_same_database(database: str) -> None:
    def runs(rate: float) -> list[measures.Run]:
        return [measures.Run(rate, 0.005, 0.01, 0.0006, None, 0.2, 0.0)]

    rates = {f"portal, {database}": runs(89), f"bare floor, {database}": runs(100)}

    told = table.rendered(table.Report(pinned={measures.TOKEN: rates}))

    [line] = [line for line in told.splitlines() if "at least 0.9 × bare floor" in line]
    assert f"portal, {database} at least 0.9 × bare floor, {database}" in line
    assert "0.89 × | **no**" in line


def test_a_program_that_never_answers_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_PATIENCE", 0.3)
    program = processes.Program(
        [sys.executable, "-c", "import signal; print('up', flush=True); signal.pause()"],
        tmp_path / "log", core=None,
    )  # fmt: skip

    with pytest.raises(processes.NotReady):
        program.ready(f"http://127.0.0.1:{processes.free_port()}/")
    assert not program.runs()


def test_a_database_that_holds_something_is_not_taken_for_the_run(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "theirs.sqlite3")) as theirs:
        theirs.execute("CREATE TABLE alembic_version (version_num TEXT)")
        theirs.execute("CREATE TABLE invoices (number INTEGER)")

    with pytest.raises(databases.NotEmpty, match="invoices"):
        databases.version_of_empty(f"sqlite:///{tmp_path}/theirs.sqlite3")


@pytest.mark.parametrize("given", [["--database", "{}"], ["--database={}"]])
def test_the_report_does_not_tell_the_address_of_a_database(
    given: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = "postgresql+psycopg://somebody:it's secret@db.example/bench"
    words = ["run", "--quick", *(word.format(address) for word in given)]
    monkeypatch.setattr(sys, "argv", words)

    assert "secret" not in run._command(address)
    assert "--quick --database" in run._command(address)


def test_growth_gets_the_arguments_that_follow_it() -> None:
    out = subprocess.run(
        [sys.executable, "-m", "benchmarks.run", "--growth", "--help"],
        cwd=_TOP, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip

    assert "--journeys" in out
