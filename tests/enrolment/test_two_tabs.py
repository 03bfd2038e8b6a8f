"""Somebody who enrols in two tabs: whichever they look at last says what is true."""

from typing import Any

import pytest

from portal.models import EnrolmentState, JourneyState
from tests.enrolment.conftest import Invited
from tests.support.at_once import at_once
from tests.support.person import Person

SET_UP = "Your face check is set up already"
Tabs = tuple[Person, Person]


@pytest.fixture
def tabs(invited: Invited) -> Tabs:
    """Two walks of one person, each before the start page of the capture."""
    return invited.at_capture(), invited.at_capture()


def test_a_face_that_is_shown_in_the_second_tab_too_ends_where_it_says_that_all_is_done(
    invited: Invited, tabs: Tabs
) -> None:
    first, second = tabs
    second.press("Start camera check")
    invited.enrol(first)
    second.press()
    assert (second.page.status, second.page.heading) == (200, SET_UP)
    assert invited.enrolment is not None
    assert invited.enrolment.state == EnrolmentState.CONFIRMED
    assert [journey.refusal for journey in invited.journeys()] == [None, "invitation_over"]


def test_not_now_in_the_second_tab_does_not_say_that_nothing_was_set_up(invited: Invited, tabs: Tabs) -> None:
    first, second = tabs
    invited.enrol(first)
    second.press("Not now")
    assert (second.page.status, second.page.heading) == (200, SET_UP)
    assert invited.journeys()[1].state == JourneyState.CANCELLED


def test_the_last_page_loaded_twice_at_once_enrols_once_and_refuses_nobody(
    invited: Invited, database: Any
) -> None:
    person = invited.at_capture()
    person.press("Start camera check")
    form = person.page.form()
    answer = person._ask("POST", form.action, form.fields)  # VerifEye's way back, not yet followed
    back = person._ask("GET", answer.headers["Location"], None)
    dispatcher = back.headers["Location"]
    cookie = person._client.get_cookie("__Host-portal-browser", "portal.test")
    assert cookie is not None

    def load(_number: int) -> tuple[int, str]:
        client = invited.app.test_client()
        client.set_cookie(cookie.key, cookie.value, domain="portal.test")
        page = client.get(dispatcher, follow_redirects=True)
        return page.status_code, "You’re all set" in page.text

    assert at_once(3, load) == [(200, True)] * 3
    assert invited.audited("journey:journey:refused") == []
