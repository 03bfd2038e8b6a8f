"""The hosted page in Chromium, with a fake camera, without one, and without scripts."""

import pytest

from portal.verifeye.returns import read_return


def open_page(host, browser, **options):
    """Open the hosted page of a configuration that returns to the sandbox's own index."""
    page = host()
    index = f"{page.sandbox.origin}/sandbox/"
    page.sandbox.add_configuration(page.configuration_id, "account:a-key-for-the-sandbox-tests", index)
    tab = browser(**options).new_page()
    problems: list[str] = []
    tab.on("console", lambda message: problems.append(message.text))
    tab.on("pageerror", lambda error: problems.append(str(error)))
    tab.goto(page.link())
    return tab, problems


def test_the_camera_is_shown_only_when_asked_for(host, new_browser):
    tab, problems = open_page(host, new_browser)
    assert tab.locator("video").is_hidden()
    tab.get_by_role("button", name="Show my camera").click()
    tab.get_by_text("Only you see this.").wait_for()
    assert tab.locator("video").is_visible()
    assert tab.evaluate("document.querySelector('video').videoWidth") > 0
    assert problems == []


def test_a_check_is_finished_by_keyboard_alone(host, new_browser):
    tab, problems = open_page(host, new_browser)
    tab.get_by_role("radio", name="Amara 34").focus()
    tab.keyboard.press("ArrowDown")
    assert tab.get_by_role("radio", name="Béla").is_checked()
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/sandbox/?*")
    assert read_return(tab.url.partition("?")[2]).claimed == "passed"
    assert problems == []


def test_without_scripts_every_choice_works(host, new_browser):
    tab, _ = open_page(host, new_browser, java_script_enabled=False)
    assert tab.get_by_text("No camera is needed here.").is_visible()
    tab.get_by_text("The check fails").click()
    tab.get_by_label("Liveness fails").check()
    tab.get_by_role("button", name="Finish the check").click()
    tab.wait_for_url("**/sandbox/?*")
    assert read_return(tab.url.partition("?")[2]).claimed == "failed"


def test_a_camera_that_is_refused_does_not_stop_the_check(host, new_browser):
    tab, _ = open_page(host, new_browser)
    tab.evaluate("() => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error('no')); }")
    tab.get_by_role("button", name="Show my camera").click()
    tab.get_by_text("The check works without it.").wait_for()
    tab.get_by_role("button", name="Cancel").click()
    tab.wait_for_url("**/sandbox/?*")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_nothing_is_wider_than_the_window(host, new_browser, width, scheme):
    tab, _ = open_page(host, new_browser, viewport={"width": width, "height": 800}, color_scheme=scheme)
    for group in tab.locator("details").all():
        group.locator("summary").click()
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
