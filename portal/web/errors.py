"""Anything that goes wrong becomes a page: what happened, what to do, and a reference to tell.

The words are all here; nothing from a request or an exception is ever shown to a person. Rooms
whose callers are programs answer in their own dialect: they pass a renderer to :func:`dialect` (for
addresses, which also catches what fails before a view is found) or to :func:`register` (for a blueprint).
"""

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from flask import Blueprint, Flask, current_app, g, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from jinja2 import Environment, StrictUndefined, Template
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from portal import credentials
from portal.credentials import UnsealError
from portal.extensions import DATABASE_AWAY, seconds_to_wait

log = logging.getLogger(__name__)

#: Seconds after which a browser or a program may try again when the portal itself is away.
RETRY_AFTER = 10


@dataclass(frozen=True)
class Problem:
    """What may be told about something that went wrong: no exception text, nothing from the request."""

    status: int
    title: str
    cause: str
    next_step: str
    #: The short reference an operator can look up, or ``None`` where there is nothing to look up.
    reference: str | None = None
    #: Response headers that belong to the status, such as ``Allow`` or ``Retry-After``.
    headers: Mapping[str, str] = field(default_factory=dict)


Renderer = Callable[[Problem], ResponseReturnValue]

_BACK = "Go back to the place you came from and start again."
_A_MINUTE = "Wait a minute, then try again."
#: Seconds up to which a minute, and up to which minutes, are what to wait.
_ABOUT_A_MINUTE, _TWO_HOURS = 90, 7200
_PROBLEMS = {
    problem.status: problem
    for problem in (
        Problem(
            400,
            "We can’t use this request",
            "Something in the address or in the form is missing or damaged.",
            _BACK,
        ),
        Problem(
            403,
            "You can’t open this page",
            "It belongs to somebody else, or you aren’t signed in any more.",
            _BACK,
        ),
        Problem(404, "Page not found", "The address may be mistyped, or the link may be too old.", _BACK),
        Problem(
            405,
            "This page can’t be opened directly",
            "It only works as a step on the way from another page.",
            _BACK,
        ),
        Problem(
            413, "That was too much to send", "The request was larger than anything this page needs.", _BACK
        ),
        Problem(
            429,
            "Too many tries for now",
            "There were many requests in a short time from you, from your network or for your account.",
            _A_MINUTE,
        ),
        Problem(
            500,
            "Something went wrong on our side",
            "It isn’t anything you did. We have made a note of it.",
            "Try again in a moment. If it happens again, ask for help and give the reference below.",
        ),
        Problem(
            503,
            "We’ll be back in a moment",
            "Camera checks aren’t available right now. It isn’t anything you did.",
            _A_MINUTE,
        ),
    )
}
_STALE_FORM = Problem(
    400,
    "Please load this page again",
    "It was open for a long time, or your browser didn’t send back our cookie.",
    "Go back, load the page again and try once more. If that doesn’t help, allow cookies for this site.",
)


def init_app(app: Flask) -> None:
    """Register the pages for every error in ``app`` that no room answers in its own dialect."""
    # Compiled now: when it is needed, reading a file may be what does not work.
    alone = Environment(loader=app.jinja_loader, autoescape=True, undefined=StrictUndefined)
    failsafe_template = alone.get_template("errors/failsafe.html")
    app.extensions["portal.web.errors"] = _State(failsafe_template, {})
    register(app, _in_the_dialect_of_the_address)


def register(target: Flask | Blueprint, render: Renderer) -> None:
    """Answer HTTP errors, database failures and missing keys in ``target`` with ``render``.

    A blueprint's handlers see only what its own views raise; for addresses that match no view, or
    the wrong method, use :func:`dialect` too.
    """

    def on_http_error(error: HTTPException) -> ResponseReturnValue:
        if error.code is None or error.code < 400 or error.response is not None:
            return error  # a redirect, or an answer that a view made itself
        return render(_from_http(error))

    def on_database_away(error: Exception) -> ResponseReturnValue:
        problem = _with_reference(problem_for(503))
        # The driver's own message: SQLAlchemy's would carry the statement's parameters into the log.
        log.error(
            "database away: %s", getattr(error, "orig", None) or type(error).__name__, extra=_extra(problem)
        )
        return render(problem)

    def on_missing_key(_error: UnsealError) -> ResponseReturnValue:
        # An operator has to act, and may any minute: for the caller it is as if the database were away.
        problem = _with_reference(problem_for(503))
        log.error(
            "a stored secret cannot be opened: put the key it was sealed with back into "
            "PORTAL_ENCRYPTION_KEY and restart; `flask doctor` says more",
            extra=_extra(problem),
        )
        return render(problem)

    target.register_error_handler(HTTPException, on_http_error)
    target.register_error_handler(UnsealError, on_missing_key)
    for kind in DATABASE_AWAY:
        target.register_error_handler(kind, on_database_away)


def dialect(app: Flask, prefix: str, render: Renderer) -> None:
    """Answer every error at ``prefix`` and below it (``/scim/v2``, ``/v1/openid/token``) with ``render``.

    The longest prefix wins. Call it after :func:`init_app`.
    """
    _state(app).dialects[prefix.rstrip("/")] = render


def problem_for(status: int) -> Problem:
    """Return the words for an HTTP status; an unlisted one gets those of 400 or 500, and keeps its number."""
    known = _PROBLEMS.get(status) or _PROBLEMS[400 if status < 500 else 500]
    headers = {"Retry-After": str(RETRY_AFTER)} if status == 503 else {}
    return replace(known, status=status, reference=g.get("reference"), headers=headers)


def page(
    status: int,
    *,
    title: str | None = None,
    cause: str | None = None,
    next_step: str | None = None,
    reference: str | None = None,
    template: str = "errors/page.html",
) -> Response:
    """Return the page for an error: the words for ``status``, each replaced by the argument given.

    Arguments are the portal's own sentences, never ``str(error)`` and nothing from a request.
    """
    usual = problem_for(status)
    return render_page(
        replace(
            usual,
            title=title or usual.title,
            cause=cause or usual.cause,
            next_step=next_step or usual.next_step,
            reference=reference or usual.reference,
        ),
        template,
    )


def render_page(problem: Problem, template: str = "errors/page.html") -> Response:
    """Return ``problem`` as a page; a :data:`Renderer` for whom HTML is the dialect. Never raises."""
    try:
        html = render_template(template, **_words(problem))
    except Exception:
        # The page for an error must not be a second error: a context processor may want the
        # database that has just gone away.
        log.exception("the error page could not be rendered", extra=_extra(problem))
        html = failsafe(current_app, problem)
    response = make_response(html, problem.status)
    response.headers.extend(problem.headers)
    return response


def failsafe(app: Flask, problem: Problem) -> str:
    """Return ``problem`` as HTML from the compiled template alone: no database, request or session."""
    stylesheet = f"{app.static_url_path or ''}/css/portal.css"
    return _state(app).failsafe_template.render(stylesheet=stylesheet, **_words(problem))


def note_reference(reference: str) -> None:
    """Remember the reference of what this request is about, for the footer of whatever page it ends on."""
    g.reference = reference


@dataclass(frozen=True)
class _State:
    failsafe_template: Template
    dialects: dict[str, Renderer]


def _state(app: Flask) -> _State:
    state: _State = app.extensions["portal.web.errors"]
    return state


def _words(problem: Problem) -> dict[str, object]:
    return {
        "status": problem.status,
        "title": problem.title,
        "cause": problem.cause,
        "next_step": problem.next_step,
        "reference": problem.reference,
    }


def _extra(problem: Problem) -> dict[str, object]:
    return {"reference": problem.reference, "status": problem.status}


def _with_reference(problem: Problem) -> Problem:
    return replace(problem, reference=problem.reference or credentials.reference())


def _from_http(error: HTTPException) -> Problem:
    assert error.code is not None
    if isinstance(error, CSRFError):
        return replace(_STALE_FORM, reference=g.get("reference"))
    problem = problem_for(error.code)
    kept = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
    problem = replace(problem, headers={**problem.headers, **kept})
    if error.code == 429:
        problem = replace(problem, next_step=_wait(kept.get("Retry-After") or seconds_to_wait()))
    if error.code >= 500:
        problem = _with_reference(problem)
        # Flask has logged the traceback; this line ties it to what the person can read out.
        log.error("answered with an error page", extra=_extra(problem))
    return problem


def _wait(seconds: str | int | None) -> str:
    """Return what to do as long as a limit is used up; some are counted by the hour."""
    wait = int(seconds or 0)
    if wait <= _ABOUT_A_MINUTE:
        return _A_MINUTE
    if wait <= _TWO_HOURS:
        return f"Wait about {math.ceil(wait / 60)} minutes, then try again."
    return f"Wait about {math.ceil(wait / 3600)} hours, then try again."


def _in_the_dialect_of_the_address(problem: Problem) -> ResponseReturnValue:
    dialects = _state(current_app).dialects
    at = request.path
    for prefix in sorted(dialects, key=len, reverse=True):
        if at == prefix or at.startswith(f"{prefix}/"):
            return dialects[prefix](problem)
    return render_page(problem)
