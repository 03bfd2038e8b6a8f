"""What the portal's own kind of Flask application leaves as Flask has it."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask, Request

from portal.web.application import PortalRequest

on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def _functions(app: Flask) -> Iterator[Callable[..., Any]]:
    """Every function that Flask would ask whether it is a coroutine function."""
    yield from app.view_functions.values()
    yield from app.teardown_appcontext_funcs
    for hooks in (app.before_request_funcs, app.after_request_funcs, app.teardown_request_funcs):
        yield from (hook for room in hooks.values() for hook in room)
    for by_code in app.error_handler_spec.values():
        yield from (handler for handlers in by_code.values() for handler in handlers.values())


@on_sqlite
def test_no_view_no_hook_and_no_handler_is_a_coroutine(app: Flask) -> None:
    assert len(list(_functions(app))) > 50
    assert not [one for one in _functions(app) if inspect.iscoroutinefunction(inspect.unwrap(one))]


@pytest.mark.parametrize(
    "written", [None, "", "a=b; c=d", "a=\xff", 'a="x\\"y"; a=2;;=;b', "\xc3\xa9=\xc3\xa9", "a=b,c=d", ";"]
)
def test_cookies_are_read_as_flask_reads_them(written: str | None) -> None:
    environ = {"REQUEST_METHOD": "GET"} | ({} if written is None else {"HTTP_COOKIE": written})
    assert PortalRequest(environ).cookies.to_dict(flat=False) == Request(environ).cookies.to_dict(flat=False)


@on_sqlite
def test_the_portal_reads_them_so(app: Flask) -> None:
    assert app.request_class is PortalRequest


@on_sqlite
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_whatever_could_change_something_needs_the_token_of_a_form(app: Flask, method: str) -> None:
    app.add_url_rule("/form", view_func=lambda: {"taken": True}, methods=["GET", method], endpoint="form")
    client = app.test_client()
    assert client.get("/form").status_code == 200
    assert client.open("/form", method=method).status_code == 400
