"""The simulator's reader of pages, and its cookies."""

import pytest

from portal.okta.simulator import forms
from portal.okta.simulator.cookies import Cookies

URL = "http://localhost:8080/check/start?link=1"
MAIN = '<button class="button" type="submit">Go on</button>'


def test_the_main_button_s_form_is_the_way_on_whatever_stands_before_it() -> None:
    page = forms.read(
        '<h1>Confirm <em>it’s</em> you</h1><form action="/leave"><button class="quiet">Leave</button></form>'
        f'<form method="post" action="start"><input type="hidden" name="a" value="1 &amp; 2">{MAIN}'
        '<button class="button quiet" name="leave" value="cancel">Cancel</button></form>'
        '<a class="button" href="/later">Later</a>',
        URL,
    )

    assert page.heading == "Confirm it’s you"
    assert page.form is not None
    assert (page.form.method, page.form.action) == ("POST", "http://localhost:8080/check/start")
    assert page.form.sent() == {"a": "1 & 2"}
    assert page.link is None


def test_a_link_that_looks_like_the_main_button_is_a_way_on() -> None:
    page = forms.read('<a href="/a">no</a><a class="button" href="/v1/openid/leave?link=x">Go back</a>', URL)

    assert page.form is None
    assert page.link == "http://localhost:8080/v1/openid/leave?link=x"


def test_controls_are_sent_as_a_browser_sends_them() -> None:
    form = forms.read(
        '<form><input name="login"><input type=checkbox name=yes checked><input type=checkbox name=no>'
        "<input type=radio name=face value=amara checked><input type=radio name=face value=bela>"
        "<input type=submit name=s value=s><input disabled name=d value=d><input value=nameless>"
        '<button class="button" name="go" value="on">Go on</button></form>',
        URL,
    ).form

    assert form is not None
    assert form.method == "GET"
    assert form.sent() == {"login": "", "yes": "on", "face": "amara", "go": "on"}
    assert form.empty == ["login"]
    form.choose("face", "bela")
    assert form.sent()["face"] == "bela"
    with pytest.raises(forms.NoSuchChoice):
        form.choose("face", "dana")


@pytest.mark.parametrize(
    "html",
    [
        f"<form>{MAIN}",
        f"<form><form>{MAIN}</form></form>",
        "</form>",
        f'<form method="dialog">{MAIN}</form>',
        f'<form enctype="multipart/form-data" method="post">{MAIN}</form>',
        f'<form><input type="file" name="picture">{MAIN}</form>',
        '<form><button class="button" formaction="/elsewhere">Go on</button></form>',
    ],
)
def test_what_a_reader_would_have_to_guess_about_is_refused(html: str) -> None:
    with pytest.raises(forms.Unreadable):
        forms.read(html, URL)


def test_a_page_without_a_way_on_has_none() -> None:
    page = forms.read('<h1>Closed</h1><form><button type="button" class="button">Camera</button></form>', URL)

    assert (page.form, page.link) == (None, None)


def test_cookies_go_back_to_their_host_and_path_whatever_the_port() -> None:
    cookies = Cookies()
    cookies.take(
        "http://localhost:8080/a/b",
        ["one=1; Path=/; HttpOnly; Secure", "two=2; Path=/a", "three=3", "nothing"],
    )

    assert cookies.header("http://localhost:9090/") == "one=1"
    assert cookies.header("http://localhost:8080/a/c") == "two=2; three=3; one=1"
    assert cookies.header("http://localhost:8080/ab") == "one=1"
    assert cookies.header("http://127.0.0.1:8080/a") == ""
    cookies.take("http://localhost:8080/", ["one=; Max-Age=0; Path=/", "two=22; Path=/a"])
    assert cookies.header("http://localhost:8080/a") == "two=22; three=3"
