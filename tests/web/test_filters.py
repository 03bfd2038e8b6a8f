"""Times, masked names and addresses of static files, as templates write them."""

import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from flask import Flask, render_template_string
from jinja2 import UndefinedError

from portal import clock, web
from portal.web import filters
from tests.web.conftest import make_app

NOON = datetime(2026, 11, 21, 12, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("UTC", "21 November 2026, 12:00 UTC"),
        ("Europe/Vienna", "21 November 2026, 13:00 CET"),
        ("Nowhere/At-All", "21 November 2026, 12:00 UTC"),
        ("../../etc/passwd", "21 November 2026, 12:00 UTC"),
    ],
)
def test_a_moment_is_told_in_a_zone(zone: str, words: str) -> None:
    assert filters.moment(NOON, zone) == f'<time datetime="2026-11-21T12:00:05Z" data-local>{words}</time>'


def test_the_machine_readable_moment_is_utc() -> None:
    there = NOON.astimezone(timezone(timedelta(hours=5)))
    assert 'datetime="2026-11-21T12:00:05Z"' in filters.moment(there)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "just now"),
        (-60, "1 minute ago"),
        (-7_300, "2 hours ago"),
        (-3 * 86_400, "3 days ago"),
        (30, "just now"),
        (120, "in 2 minutes"),
    ],
)
def test_how_long_ago(seconds: int, words: str) -> None:
    clock.replace(now=lambda: NOON)
    try:
        assert f">{words}<" in filters.ago(NOON + timedelta(seconds=seconds))
    finally:
        clock.replace()


def test_a_time_without_a_zone_is_a_mistake() -> None:
    for show in (filters.moment, filters.ago):
        with pytest.raises(ValueError, match="zone"):
            show(NOON.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("login", "shown"),
    [
        ("jonas@acme.example", "j•••@acme.example"),
        ("jonas", "j•••"),
        ("", "•••"),
        ("@acme.example", "•••"),
        ('"a@b"@acme.example', '"•••@acme.example'),
        ("  åsa@acme.example ", "å•••@acme.example"),
    ],
)
def test_a_masked_name(login: str, shown: str) -> None:
    assert filters.masked(login) == shown


def test_an_unknown_name_in_a_template_is_an_error(app: Flask) -> None:
    with app.test_request_context(), pytest.raises(UndefinedError):
        render_template_string("{{ nothing_of_that_name }}")


def test_a_static_address_carries_the_hash_of_the_content(app: Flask) -> None:
    with app.test_request_context():
        address = filters.static_url("css/portal.css")
    assert address == f"/static/css/portal.css?v={filters.static_hash(app, 'css/portal.css')}"


def test_an_address_begins_where_the_portal_is_mounted(app: Flask) -> None:
    with app.test_request_context():
        address = filters.static_url("css/portal.css")
    with app.test_request_context(environ_overrides={"SCRIPT_NAME": "/portal"}):
        assert filters.static_url("css/portal.css") == f"/portal{address}"


@pytest.mark.parametrize("reloading", [False, True])
def test_a_changed_file_has_a_new_address_at_once_only_where_templates_are_reloaded(
    app: Flask, tmp_path: Path, reloading: bool
) -> None:
    app.jinja_env.auto_reload = reloading
    app.static_folder = str(tmp_path / "static")
    file = tmp_path / "static" / "a file.css"
    file.parent.mkdir()
    file.write_text("before")
    with app.test_request_context():
        before = filters.static_url("a file.css")
        file.write_text("after")
        os.utime(file, ns=(0, 1))
        after = filters.static_url("a file.css")
    assert before.startswith("/static/a%20file.css?v=")
    assert (before != after) is reloading


@pytest.mark.parametrize("filename", ["", "none.css", "../wsgi.py", "css", "css/\0.css"])
def test_what_is_no_static_file_has_no_address(app: Flask, filename: str) -> None:
    with app.test_request_context(), pytest.raises(FileNotFoundError):
        filters.static_url(filename)


@pytest.mark.parametrize("logo", ["img/none.png", "https://cdn.acme.example/logo.png", "../wsgi.py"])
def test_a_logo_that_is_not_there_is_told_in_the_log_and_pages_go_on_without(
    logo: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(web.Branding(organisation="Acme", organisation_logo=logo))
    assert [(record.levelname, record.logo) for record in caplog.records] == [("ERROR", logo)]  # type: ignore[attr-defined]
    page = app.test_client().get("/errors/404")
    assert page.status_code == 404
    assert "brand-mark" in page.text


@pytest.mark.parametrize("logo", ["img/logo.svg", "/brand/logo.png"])
def test_a_logo_that_is_there_is_shown(logo: str, caplog: pytest.LogCaptureFixture) -> None:
    app = make_app(web.Branding(organisation="Acme", organisation_logo=logo))
    assert caplog.records == []
    assert 'class="brand-logo"' in app.test_client().get("/errors/404").text


@pytest.mark.parametrize(
    ("contact", "address"),
    [
        ("", None),
        ("help@acme.example", "mailto:help@acme.example"),
        ("https://help.acme.example/", "https://help.acme.example/"),
        ("+43 1 234", "tel:+431234"),
        ("(01) 234-56", "tel:(01)234-56"),
        ("The service desk, room 12", "The service desk, room 12"),
        ("help@acme.example, or room 12", "help@acme.example, or room 12"),
    ],
)
def test_a_support_contact_is_an_address(contact: str, address: str | None) -> None:
    assert filters.help_address(contact) == address
