"""What a mail says: the same in text and in HTML, in every script, and nothing that somebody slipped in."""

import re

import html5lib
import pytest

from portal import mail
from tests.page_checks import text_of
from tests.support import portal_app

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

WORDS = {
    "given_name": "Amara",
    "account": "a•••@acme.example",
    "link": "https://portal.test/enrol?link=abc.def",
    "until": "28 November 2026, 09:31 UTC",
    "reminder": False,
    "signs_in": True,
}


def composed(app, to="ada@acme.example", to_name="", **words):
    with app.app_context():
        return mail.compose("invitation", to, WORDS | words, mail_id="abc123", to_name=to_name)


def bodies(message):
    text, html = (part.get_content() for part in message.iter_parts())
    return text, html


def words_of(text):
    return set(re.findall(r"\w+", text))


@pytest.mark.parametrize("words", [{}, {"reminder": True}, {"signs_in": False}, {"given_name": None}])
def test_text_and_html_say_the_same(app, words):
    text, html = bodies(composed(app, **words))
    document = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(html)
    read = text_of(document.find("body"))
    # HTML has the button besides the address, and says what to do where it does not work.
    only_html = words_of("If the button does not work copy this address")
    assert words_of(text) - words_of(read) == set()
    assert words_of(read) - words_of(text) <= only_html


def test_the_link_stands_whole_in_both(app):
    text, html = bodies(composed(app))
    assert f"\n{WORDS['link']}\n" in text
    assert html.count(f'href="{WORDS["link"]}"') == 2


@pytest.mark.parametrize(
    "name",
    [
        "Amara\r\nBcc: everybody@acme.example",
        "A\nB",
        "<script>alert(1)</script>",
        "محمد",
        "王小明",
        "O'Neil & Söhne",
    ],
)
def test_a_name_stays_a_name(app, name):
    message = composed(app, to_name=name, given_name=name)
    raw = message.as_bytes().decode("ascii")
    assert message["Bcc"] is None
    assert "\nBcc:" not in raw.partition("\r\n\r\n")[0]
    _, html = bodies(message)
    assert "<script" not in html


def test_the_organisation_may_have_any_name(database):
    app = portal_app.make_app(database, organisation="Büro & Söhne <株式会社>\nX-Evil: 1")
    message = composed(app)
    assert message["X-Evil"] is None
    assert message["Subject"] == "Set up your face check for Büro & Söhne <株式会社> X-Evil: 1"
    portal_app.close(app)


def test_a_reminder_says_so(app):
    message = composed(app, reminder=True)
    assert message["Subject"].startswith("Reminder: ")
    assert "not set up your face check yet" in bodies(message)[0]


@pytest.mark.settings(logo="img/acme.png")
def test_a_picture_is_shown_as_logo(app):
    assert 'src="https://portal.test/static/img/acme.png"' in bodies(composed(app))[1]


def test_a_drawing_is_not(app):
    assert "<img" not in bodies(composed(app))[1]


def test_lines_are_short_enough_for_every_server(app):
    for line in composed(app, link="https://portal.test/enrol?link=" + "x" * 900).as_bytes().splitlines():
        assert len(line) <= 998
