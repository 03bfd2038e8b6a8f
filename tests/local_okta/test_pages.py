"""The pages: valid, worked by their buttons, closed to other sites; the inbox; and where it may run."""

from email.message import EmailMessage
from pathlib import Path

import pytest
from flask import Flask

from portal.sandbox.okta import seeding
from portal.sandbox.okta.store import Store
from tests.local_okta.conftest import ELIF, Org
from tests.page_checks import check_page
from tests.support.person import Page

PAGES = ("/", "/log", "/hooks", "/scim-apps", "/trouble", "/inbox", "/nothing")


def press(org: Org, page: str, words: str, **changes: str) -> Page:
    """Press a button of a page, and return where that leads."""
    form = Page(f"http://localhost{page}", 200, {}, org.browser.get(page).text).form(words)
    headers = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    path = form.action.removeprefix("http://localhost")
    answer = org.browser.post(path, data=form.fields | changes, headers=headers, follow_redirects=True)
    return Page(f"http://localhost{answer.request.path}", answer.status_code, answer.headers, answer.text)


def fill(org: Org, folder: Path) -> None:
    org.order(
        "seed",
        {
            "hooks": [{"name": "H", "uri": "http://localhost:9/", "secret": "s"}],
            "scim_apps": [{"label": "Portal", "base_url": "http://localhost:9/scim", "token": "t"}],
        },
    )
    mail(folder, "<p>Hello</p>")
    org.call("POST", f"/users/{ELIF}", json={"profile": {"byndidRegistered": True, "lastName": "<b>Demir"}})


def mail(folder: Path, html: str) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "portal@acme.example", ELIF, "Set up <you>"
    message.set_content("Follow http://localhost:8080/enrol?link=abc.")
    message.add_alternative(html, subtype="html")
    (folder / "one.eml").write_bytes(bytes(message))


@pytest.mark.parametrize("page", [*PAGES, "/inbox/one.eml"])
def test_every_page_keeps_the_houses_rules_empty_and_full(org: Org, tmp_path: Path, page: str) -> None:
    for step in (lambda: None, lambda: fill(org, tmp_path)):
        step()
        answer = org.browser.get(page)
        check_page(answer.text, answer.headers)
        assert "<b>Demir" not in answer.text


def test_the_buttons_do_what_they_say(org: Org) -> None:
    press(org, "/", "Add to Verified staff Elif Demir")
    press(org, "/", "Suspend Elif Demir")
    assert org.get(f"/users/{ELIF}")["status"] == "SUSPENDED"
    assert [one["profile"]["login"] for one in org.get(f"/groups/{org.group}/users")] == [ELIF]
    press(org, "/", "Reset Elif Demir")
    assert org.get(f"/users/{ELIF}")["status"] == "ACTIVE"
    assert org.get(f"/groups/{org.group}/users") == []
    press(org, "/", "Add person", first_name="Zoë", last_name="Ångström", login="zoe@acme.example")
    assert org.get("/users/zoe@acme.example")["profile"]["lastName"] == "Ångström"
    taken = press(org, "/", "Add person", first_name="Z", last_name="A", login="zoe@acme.example")
    assert taken.status == 400
    assert "already exists" in taken.text


def test_trouble_is_made_and_ended(org: Org) -> None:
    press(org, "/trouble", "Set", api_down="on", hook_delay_seconds="7")
    assert org.call("GET", "/users").status_code == 503
    press(org, "/trouble", "Everything works again")
    assert org.call("GET", "/users").status_code == 200
    assert press(org, "/trouble", "Set", hook_duplicates="51").status == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "evil.example"},
    ],
    ids=str,
)
def test_other_sites_press_no_button(org: Org, headers: dict[str, str]) -> None:
    user = org.get(f"/users/{ELIF}")["id"]
    token = org.local.app.jinja_env.globals["csrf_token"]
    path, form = f"/people/{user}/status", {"step": "suspend", "csrf_token": token}
    assert org.browser.post(path, data=form, headers=headers).status_code == 403
    assert org.browser.post(path, data={"step": "suspend"}).status_code == 403
    assert org.get(f"/users/{ELIF}")["status"] == "ACTIVE"
    assert org.browser.post(path, data=form).status_code == 303


def test_another_hosts_name_reads_nothing(org: Org) -> None:
    for path in ("/", "/api/v1/users", "/inbox"):
        assert org.browser.get(path, headers={"Host": "evil.example"}).status_code == 403, path


def test_a_mail_is_shown_with_its_link_and_runs_nothing(org: Org, tmp_path: Path) -> None:
    mail(
        tmp_path,
        "<html><head></head><body><script>alert(1)</script><a href='http://localhost:8080/x'>Go</a></body></html>",
    )
    assert "Set up &lt;you&gt;" in org.browser.get(f"/inbox?to={ELIF}").text
    assert "No mail yet" in org.browser.get("/inbox?to=somebody-else").text
    assert 'href="http://localhost:8080/enrol?link=abc"' in org.browser.get("/inbox/one.eml").text
    frame = org.browser.get("/inbox/one.eml/html")
    policy = frame.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "allow-scripts" not in policy
    assert '<base target="_top">' in frame.text
    for name in ("none.eml", "..%2Fone.eml", "okta.sqlite3"):
        assert org.browser.get(f"/inbox/{name}").status_code == 404, name


def test_a_document_that_cannot_be_used_changes_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "okta.sqlite3")
    for document in (
        {"people": [{"login": "a@b"}]},
        {"groups": ["A"], "people": 7},
        {"hooks": [{"name": "x"}]},
    ):
        with pytest.raises(seeding.SeedError):
            seeding.sow(store, document)
    with store.transaction() as records:
        assert records.number("SELECT count(*) FROM groups") == 0


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestWhereItMayRun:
    @pytest.mark.settings(allow_sandbox=False)
    def test_settings_without_the_sandbox_refuse_it(self, app: Flask) -> None:
        result = app.test_cli_runner().invoke(args=["sandbox", "okta", "--port", "8099"])
        assert result.exit_code == 1
        assert "refused here" in result.output

    @pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.com"])
    def test_it_listens_on_loopback_only(self, app: Flask, host: str) -> None:
        result = app.test_cli_runner().invoke(args=["sandbox", "okta", "--port", "8099", "--host", host])
        assert result.exit_code == 1
        assert "loopback only" in result.output

    def test_a_bad_document_gets_a_sentence(self, app: Flask, tmp_path: Path) -> None:
        (tmp_path / "seed.json").write_text("[]")
        words = ["sandbox", "okta", "--port", "8099", "--seed", str(tmp_path / "seed.json")]
        result = app.test_cli_runner().invoke(args=[*words, "--database", str(tmp_path / "o.sqlite3")])
        assert result.exit_code == 1
        assert "JSON object" in result.output
