"""What hurried people do: press twice, go back, reload, open two tabs, give up, come late."""

import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event
from sqlalchemy.orm import Session

from portal.capture import wording
from portal.extensions import db
from portal.statements import Transaction
from tests.support import factories
from tests.support.moving_clock import MovingClock
from tests.support.person import Person
from tests.support.sandbox_server import SandboxServer
from tests.support.scenes import START, Scene, Visit

CONFIRM = "Confirm it’s you"
STEPS = ("account", "check", "refused", "continue", "leave")


def path(url: str) -> str:
    return url.removeprefix("https://portal.test")


def failed(scene: Scene, visit: Visit) -> None:
    _, back = scene.waiting(visit, outcome="liveness_fails")
    visit.person.open(back)


def test_consent_is_recorded_with_its_version_and_time_when_the_button_is_pressed(
    clock: MovingClock, scene: Scene
) -> None:
    visit = scene.arrive()
    assert scene.journey().consented_at is None
    clock.advance(20)
    scene.start(visit)
    journey = scene.journey()
    assert (journey.consent_version, journey.consented_at) == (wording.CONSENT_VERSION, clock.now())
    assert scene.audited("capture:consent:given") == [{"version": wording.CONSENT_VERSION}]


def test_a_second_click_on_start_gives_no_second_link(scene: Scene) -> None:
    visit = scene.arrive()
    form = visit.person.page.form(START)
    first = visit.browser.post(path(form.action), data=form.fields)
    second = visit.browser.post(path(form.action), data=form.fields)
    assert first.headers["Location"].startswith(scene.sandbox.origin)
    assert second.headers["Location"].startswith("/v1/openid/check")
    assert scene.journey().links == 1


def test_the_back_button_and_a_reload_show_a_page_from_which_one_can_start_again(scene: Scene) -> None:
    visit = scene.arrive()
    first = visit.person.page.url
    scene.start(visit)
    visit.person.open(first)
    assert visit.person.page.status == 200
    visit.person.reload()
    visit, back = scene.waiting(visit)
    assert scene.finish(visit, back).claims["sub"] == scene.stage.user_id


@pytest.mark.parametrize("order", ["first tab first", "second tab first"])
def test_two_tabs_of_one_sign_in_end_in_one_code(scene: Scene, order: str) -> None:
    visit = scene.arrive()
    page = visit.person.page.url
    _, one = scene.waiting(visit)
    visit.person.open(page)
    _, two = scene.waiting(visit)
    first, second = (one, two) if order == "first tab first" else (two, one)
    tokens = scene.finish(visit, first)
    visit.person.open(second)
    assert visit.person.page.status == 409
    assert tokens.claims["sub"] == scene.stage.user_id
    assert scene.codes() == 1


def test_two_sign_ins_in_one_browser_do_not_disturb_each_other(scene: Scene) -> None:
    first = scene.arrive()
    second = scene.arrive(browser=first.browser)
    _, one = scene.waiting(first)
    _, two = scene.waiting(second)
    assert scene.finish(second, two).claims["sub"] == scene.stage.user_id
    assert scene.finish(first, one).claims["sub"] == scene.stage.user_id


def test_every_page_after_the_end_says_that_it_is_over(scene: Scene) -> None:
    visit, back = scene.waiting()
    visit.person.open(back)
    assert visit.person.has_arrived
    for url in dict.fromkeys(visit.person.visited):
        if url.startswith("https://portal.test/v1/openid/") and "authorize" not in url:
            answer = visit.browser.get(path(url))
            assert answer.status_code == 409, url
            assert "code=" not in answer.text
    assert scene.codes() == 1


def test_a_failed_try_may_be_repeated_until_the_tries_are_used_up(scene: Scene) -> None:
    visit = scene.arrive()
    allowed = scene.journey().attempts_allowed
    for attempt in range(1, allowed):
        failed(scene, visit)
        assert scene.journey().attempts == attempt
        assert visit.person.page.status == 200
    failed(scene, visit)
    assert scene.journey().state == "REFUSED"
    visit.person.reload()
    assert START not in visit.person.page.text
    visit.person.follow("Go back to Acme sign-in")
    told = visit.person.arrival.parameters
    assert (told["error"], told["state"], told["iss"]) == (
        "access_denied",
        visit.request.state,
        "https://portal.test",
    )
    assert scene.codes() == 0


def test_a_success_after_a_failure_counts(scene: Scene) -> None:
    visit = scene.arrive()
    failed(scene, visit)
    visit, back = scene.waiting(visit)
    assert scene.finish(visit, back).claims["sub"] == scene.stage.user_id


def test_links_are_limited_although_they_cost_no_try(scene: Scene) -> None:
    visit = scene.arrive()
    page = visit.person.page.url
    most = scene.journey().attempts_allowed * 4
    for _ in range(most):
        visit.person.open(page)
        scene.start(visit)
    visit.person.open(page)
    form = visit.person.page.form()
    answer = visit.browser.post(path(form.action), data=form.fields)
    assert not answer.headers.get("Location", "").startswith(scene.sandbox.origin)
    assert scene.journey().links == most


@pytest.mark.parametrize("where", ["start page", "account page", "after a failure"])
def test_giving_up_tells_the_client(scene: Scene, where: str) -> None:
    visit = scene.arrive(login_hint=None) if where == "account page" else scene.arrive()
    if where == "after a failure":
        failed(scene, visit)
    leave = re.search(r'"(/v1/openid/leave\?[^"]+)"', visit.person.page.html)
    assert leave is not None
    visit.person.open(leave[1].replace("&amp;", "&"))
    told = visit.person.arrival.parameters
    assert (told["error"], told["state"], told["iss"]) == (
        "access_denied",
        visit.request.state,
        "https://portal.test",
    )
    assert "code" not in told
    assert scene.journey().state == "CANCELLED"


def test_who_comes_too_late_is_told_so_and_may_go_back(clock: MovingClock, scene: Scene) -> None:
    visit = scene.arrive()
    clock.advance(3600)
    visit.person.reload()
    assert visit.person.page.status == 410
    visit.person.follow("Go back to Acme sign-in")
    assert visit.person.arrival.parameters["error"] == "access_denied"
    assert visit.person.arrival.parameters["error_description"] == "The person did not finish in time."


def test_a_link_for_one_step_is_useless_at_another_and_in_another_browser(scene: Scene) -> None:
    visit = scene.arrive()
    query = visit.person.page.url.partition("?")[2]
    for step in STEPS:
        if step != "check":
            assert visit.browser.get(f"/v1/openid/{step}?{query}").status_code == 400, step
    stranger = scene.app.test_client()
    answer = stranger.get(path(visit.person.page.url))
    assert answer.status_code == 403
    assert scene.stage.login not in answer.text
    for at in range(6, len(query), 5):
        changed = query[:at] + ("A" if query[at] != "A" else "B") + query[at + 1 :]
        if at < len(query) - 2:
            assert visit.browser.get(f"/v1/openid/check?{changed}").status_code == 400


def test_a_form_without_its_token_or_with_another_browser_s_is_refused(scene: Scene) -> None:
    for arrive, words, extra in (
        (scene.arrive(), START, {}),
        (scene.arrive(login_hint=None), None, {"login": scene.stage.login}),
    ):
        form = arrive.person.page.form(words)
        foreign = scene.arrive(login_hint=None).person.page.form().fields["csrf_token"]
        for token in (None, "", "x", foreign):
            fields: dict[str, Any] = {**form.fields, **extra}
            fields.pop("csrf_token")
            if token is not None:
                fields["csrf_token"] = token
            assert arrive.browser.post(path(form.action), data=fields).status_code == 400
    assert scene.journey().state == "OPEN"
    assert scene.captures() == []


# -- which account ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("spelling", ["login", "upper case", "spaces", "e-mail", "okta id", "full width"])
def test_the_hint_may_be_any_name_of_the_person(scene: Scene, spelling: str) -> None:
    number = scene.stage.login.removeprefix("amara").partition("@")[0]
    hint = {
        "login": scene.stage.login,
        "upper case": scene.stage.login.upper(),
        "spaces": f"  {scene.stage.login} ",
        "e-mail": f"amara.okafor{number}@acme.example",
        "okta id": f"00u{int(number):017d}",
        "full width": scene.stage.login.replace("a", "ａ"),
    }[spelling]
    tokens = scene.sign_in(login_hint=hint)
    assert tokens.claims["preferred_username"] == scene.stage.login


@pytest.mark.parametrize(
    "hint", ["nobody@acme.example", "", "%", "_", "amara%", "' OR 1=1 --", "00u", "a" * 320]
)
def test_a_hint_that_names_nobody_leads_to_the_question(scene: Scene, hint: str) -> None:
    visit = scene.arrive(login_hint=hint)
    assert visit.person.page.form().fields.keys() >= {"login"}


def test_a_hint_that_two_people_answer_to_names_neither(scene: Scene) -> None:
    with scene.app.app_context():
        for _ in range(4):
            factories.user(email="shared@acme.example")
    visit = scene.arrive(login_hint="shared@acme.example")
    assert visit.person.page.form().fields.keys() >= {"login"}
    with scene.app.app_context():
        owner = factories.user("shared@acme.example").id
    scene.arrive(login_hint="shared@acme.example")
    assert scene.journey().user_id == owner, "a login is one person's, whatever addresses others share"


def typed(scene: Scene, account: str) -> tuple[int, str, list[tuple[str, str]], str, list[str]]:
    """Type an account and return all that can be seen of the answer, and the shape of the statements."""
    visit = scene.arrive(login_hint=None)
    form = visit.person.page.form()
    statements: list[str] = []
    with scene.app.app_context():
        engine = db.engine

    def note(_conn: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    answer = visit.browser.post(path(form.action), data={**form.fields, "login": account})
    event.remove(engine, "before_cursor_execute", note)
    page = visit.browser.get(answer.headers["Location"]).text if answer.status_code == 303 else answer.text
    page = re.sub(
        r"link=[\w.-]+|nonce[-=][\"\w]+|csrf_token[^>]+>|[0-9A-Z]{4}(-[0-9A-Z]{4}){2}|minutes?", "", page
    )
    headers = [
        (name, value) for name, value in answer.headers if name in ("Cache-Control", "Content-Type", "Vary")
    ]
    where = answer.headers.get("Location", "").partition("?")[0]
    return answer.status_code, where, headers, page.replace(account, "ACCOUNT"), statements


@pytest.mark.parametrize("policy", ["invited", "signed"])
def test_the_question_is_answered_alike_for_accounts_that_exist_and_that_do_not(
    app: Flask, sandbox_server: SandboxServer, policy: str
) -> None:
    scene = Scene(app, sandbox_server, enrolled=False, enrolment=policy)
    assert typed(scene, scene.stage.login) == typed(scene, "nobody@acme.example")


@pytest.mark.settings(rate_limit_identify_per_account="1 per hour")
def test_an_account_that_was_named_too_often_says_how_long_to_wait(scene: Scene) -> None:
    scene.arrive(login_hint=None).person.press("Continue", login=scene.stage.login)
    visit = scene.arrive(login_hint=None)
    visit.person.press("Continue", login=scene.stage.login)
    page = visit.person.page
    assert (page.status, page.heading) == (429, "Too many tries for now")
    assert re.search(r"Wait about (59|60) minutes", page.text)


def test_an_account_once_named_stays(scene: Scene) -> None:
    """Going back to the question does not turn a journey into another person's."""
    visit = scene.arrive(login_hint=None)
    form = visit.person.page.form()
    visit.browser.post(path(form.action), data={**form.fields, "login": scene.stage.login})
    visit.browser.post(path(form.action), data={**form.fields, "login": "other@acme.example"})
    assert scene.journey().user_id == scene.stage.user_id


def test_a_subject_that_the_client_demands_must_be_the_one_verified(scene: Scene) -> None:
    def claims(subject: str) -> str:
        return f'{{"id_token": {{"sub": {{"value": "{subject}"}}}}}}'

    assert scene.sign_in(claims=claims(scene.stage.user_id)).claims["sub"] == scene.stage.user_id
    visit, back = scene.waiting(scene.arrive(claims=claims("0" * 32)))
    visit.person.open(back)
    assert not visit.person.has_arrived
    assert scene.codes() == 1


# -- a process that dies ----------------------------------------------------------------------------------


class Killed(BaseException):
    """The process ended here."""


@pytest.mark.parametrize("commit", range(1, 5))
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_process_killed_at_any_commit_leaves_somebody_who_can_go_on_and_never_two_codes(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, commit: int, moment: str
) -> None:
    """Each request of a sign-in commits once: the process dies right before or right after one of them."""
    done = 0

    def dying(real: Any) -> Any:
        def call(*arguments: Any) -> Any:
            nonlocal done
            done += 1
            if done == commit and moment == "before":
                raise Killed
            answer = real(*arguments)
            if done == commit and moment == "after":
                raise Killed
            return answer

        return call

    browser = scene.app.test_client()
    request = scene.okta.authorization(login_hint=scene.stage.login)
    person = Person(browser, scene.sandbox.origin)
    visit = Visit(browser, person, request)
    reached: list[str] = []

    def walk() -> None:
        person.open(reached[-1] if reached else request.url)
        if person.has_arrived:
            return
        reached.append(person.page.url)
        reached.append(scene.look(scene.start(visit)))
        person.open(path(reached[-1]))

    with monkeypatch.context() as patch:
        patch.setattr(Session, "commit", dying(Session.commit))
        patch.setattr(Transaction, "change", dying(Transaction.change))
        with pytest.raises(Killed):
            walk()
    with scene.app.app_context():
        db.session.remove()
    codes = scene.codes()
    assert codes in (0, 1)
    if reached and reached[-1].startswith("https://portal.test/v1/openid/verify-result"):
        person.open(path(reached[-1]))
        if not person.has_arrived and person.page.status == 409 and codes == 0:
            person.follow("Carry on")
    else:
        reached.clear()
        walk()
    if codes == 0:
        assert "code" in person.arrival.parameters
    assert scene.codes() == 1
