"""Every template a person can meet, in every variant, keeps to the rules for pages."""

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.page_checks import check_page
from tests.web.pages import PAGES, STATUSES

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
OURS = [
    path
    for folder in ("layouts", "components", "capture", "errors")
    for path in sorted((TEMPLATES / folder).glob("*.html"))
]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_keeps_to_the_rules(client: FlaskClient, name: str) -> None:
    answer = client.get(f"/pages/{name}")
    assert answer.status_code == 200
    check_page(answer.text, answer.headers)


@pytest.mark.parametrize("status", STATUSES)
def test_an_error_page_keeps_to_the_rules(client: FlaskClient, status: int) -> None:
    answer = client.get(f"/errors/{status}")
    assert answer.status_code == status
    check_page(answer.text, answer.headers)


def test_every_page_template_is_in_the_list() -> None:
    pages = {path.relative_to(TEMPLATES).as_posix() for path in OURS if "{% extends" in path.read_text()}
    assert pages - {"errors/page.html"} == {template for template, _ in PAGES.values()}


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.relative_to(TEMPLATES).as_posix())
def test_a_template_begins_with_what_it_takes(path: Path) -> None:
    assert path.read_text().startswith("{# ")


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.relative_to(TEMPLATES).as_posix())
def test_people_are_not_spoken_to_in_jargon(path: Path) -> None:
    shown = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<[^>]*>", " ", path.read_text(), flags=re.DOTALL)
    assert not re.search(
        r"\b(OIDC|OAuth|callback|journey|token|redirect|invalid|session)\b|!", shown, re.IGNORECASE
    )


def test_the_start_page_says_who_asks_for_whom_why_and_what_is_kept(client: FlaskClient) -> None:
    page = client.get("/pages/start").text
    for words in (
        "Acme Okta asks for a short camera check so that you can sign in.",
        "jonas.doe@acme.example",
        "It checks that a live person is there and that the face is yours.",
        "the European Union",
        "The picture is deleted after the check.",
        "About one minute",
        "By pressing “Start camera check” you agree",
        "Use another way to sign in",
    ):
        assert words in page
    assert 'name="consent_version" value="2026-11"' in page
    assert "face template: a description" not in page


def test_the_first_time_says_that_a_face_template_is_made(client: FlaskClient) -> None:
    page = client.get("/pages/start-first-time").text
    assert "Set up your face check" in page
    assert "makes a face template" in page


def test_help_that_is_no_address_is_read_and_not_dialled(client: FlaskClient) -> None:
    page = client.get("/pages/start-help-in-words").text
    assert "<li>Help: The service desk, room 12</li>" in page


def test_a_retry_says_what_happened_what_to_try_and_what_is_left(client: FlaskClient) -> None:
    page = client.get("/pages/start-retry").text
    for words in ("We couldn’t match your face", "You have 2 tries left.", "Face a window", "sunglasses"):
        assert words in page
    assert "This is your last try." in client.get("/pages/start-last-try").text


def test_an_empty_answer_is_named_in_summary_field_and_title(client: FlaskClient) -> None:
    page = client.get("/pages/identify-empty").text
    assert "<title>Error: Which account" in page
    assert page.count("Enter your work e-mail or username") == 2
    assert '<a href="#login">' in page


def test_what_a_person_typed_is_shown_as_text(client: FlaskClient) -> None:
    assert 'value="&#34;&gt;&lt;b&gt;"' in client.get("/pages/identify-unreadable").text


def test_a_posted_answer_carries_exactly_the_given_fields(client: FlaskClient) -> None:
    page = client.get("/pages/returning").text
    assert re.findall(r'<input type="hidden" name="(\w+)"', page) == ["code", "state", "iss"]
    assert 'value="st&#34;ate"' in page
