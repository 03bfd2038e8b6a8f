"""The privacy notice and the terms: the portal's words, or the organisation's, shown as text."""

from collections.abc import Iterator
from pathlib import Path

import html5lib
import pytest
from flask import Flask
from flask.testing import FlaskClient

from portal.settings import SettingsError
from tests.page_checks import check_page
from tests.support import portal_app
from tests.support.databases import Database

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

HOSTILE = """\ufeff# <script>alert(1)</script>
<img src=x onerror=alert(1)> &amp; {{ 7*7 }} {% raw %}
second line

#not a heading
#

[a link](javascript:alert(1)) https://elsewhere.example/

#  Über uns \u2013 عن الشركة\t
عربي نص
"""


@pytest.fixture
def serve(database: Database, tmp_path: Path) -> Iterator:
    """Serve a portal whose notices are the given text."""
    served: list[Flask] = []

    def make(text: str | bytes, **more: str):
        file = tmp_path / "notice.txt"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        settings = {"privacy_text": str(file), "terms_text": str(file)} | more
        app = portal_app.make_app(database, **settings)
        served.append(app)
        return app.test_client()

    yield make
    for app in served:
        portal_app.close(app)


def test_without_a_text_the_portal_says_its_own(app: Flask) -> None:
    for path, words in (("/privacy", "What the camera sees"), ("/terms", "Use it for yourself")):
        answer = app.test_client().get(path)
        check_page(answer.text, answer.headers)
        assert words in answer.text


@pytest.mark.parametrize(("path", "heading"), [("/privacy", "Privacy notice"), ("/terms", "Terms for")])
def test_the_organisations_text_takes_its_place(serve, path: str, heading: str) -> None:
    answer = serve("We keep little.\nAnd not long.\n\n# Where\n\nIn Wien.\r\n\r\nAsk us.").get(path)
    check_page(answer.text, answer.headers)
    assert f"{heading}" in answer.text
    assert '<p dir="auto">We keep little. And not long.</p>' in answer.text
    assert '<h2 dir="auto">Where</h2>' in answer.text
    assert '<p dir="auto">In Wien.</p>\n<p dir="auto">Ask us.</p>' in answer.text
    assert "What the camera sees" not in answer.text
    assert "Use it for yourself" not in answer.text


def test_whatever_is_written_is_shown_and_nothing_of_it_is_done(serve) -> None:
    answer = serve(HOSTILE).get("/privacy")
    check_page(answer.text, answer.headers)
    document = html5lib.parse(answer.text, namespaceHTMLElements=False)
    main = document.find(".//main")
    said = ["".join(element.itertext()) for element in main if element.tag in ("h2", "p")]
    assert said == [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)> &amp; {{ 7*7 }} {% raw %} second line",
        "#not a heading #",
        "[a link](javascript:alert(1)) https://elsewhere.example/",
        "Über uns \u2013 عن الشركة",
        "عربي نص",
    ]
    assert [element.tag for element in main.iter() if element.tag in ("script", "img", "a")] == []


def test_one_can_be_theirs_and_the_other_the_portals(serve) -> None:
    client = serve("Only the terms.", privacy_text="")
    assert "What the camera sees" in client.get("/privacy").text
    assert "Only the terms." in client.get("/terms").text


def test_a_text_is_read_at_start_and_stays_until_the_next(serve, tmp_path: Path) -> None:
    client = serve("As it was agreed to.")
    (tmp_path / "notice.txt").unlink()
    assert "As it was agreed to." in client.get("/terms").text


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"x" * 65_537, "longer than 65536 bytes"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"bell \x07", "control characters"),
        (b"zero \x00", "control characters"),
        (b" \n\n ", "empty"),
        (b"", "empty"),
    ],
    ids=["large", "bytes", "bell", "zero", "blank", "empty"],
)
@pytest.mark.parametrize("name", ["privacy_text", "terms_text"])
def test_a_text_that_cannot_be_shown_is_refused_at_start(serve, content, sentence, name) -> None:
    other = "terms_text" if name == "privacy_text" else "privacy_text"
    with pytest.raises(SettingsError, match=sentence) as refused:
        serve(content, **{other: ""})
    assert name in str(refused.value)


@pytest.mark.parametrize("path", ["/nowhere/notice.txt", "/", "no\x00name"])
def test_a_file_that_is_not_there_is_refused_at_start(serve, path: str) -> None:
    with pytest.raises(SettingsError, match="'privacy_text' cannot be read"):
        serve("", privacy_text=path)


def test_the_largest_text_is_shown_whole(serve) -> None:
    words = "word " * 13_000
    assert len(words) < 65_536
    # Not through the client that holds pages to a weight: a lawyer's text may weigh more.
    client = FlaskClient(serve(words).application)
    assert client.get("/privacy").text.count("word") == 13_000


def test_a_relative_path_begins_at_the_portals_folder(serve, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert "Unreleased" in serve("", privacy_text="CHANGELOG.md", terms_text="").get("/privacy").text
