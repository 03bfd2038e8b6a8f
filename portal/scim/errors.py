"""Everything that goes wrong under ``/scim`` becomes a SCIM error (RFC 7644 section 3.12)."""

import logging

from flask import Response
from pydantic import ValidationError
from scim2_models import Error, SCIMException, UniquenessException
from sqlalchemy.exc import IntegrityError

from portal import logs
from portal.extensions import db
from portal.scim import answers
from portal.scim.schemas import BASE
from portal.web.errors import Problem

_log = logging.getLogger(__name__)

_LONGEST_DETAIL = 400
_CHALLENGE = 'Bearer realm="scim", Basic realm="scim", charset="UTF-8"'
_SENTENCES = {
    400: "The request cannot be read. Check the address and the body.",
    403: "That is not allowed here.",
    404: f"There is nothing at this address. Users are at {BASE}/Users, groups at {BASE}/Groups.",
    405: "This address does not take that method; the Allow header names those it takes.",
    413: "The body is larger than this address takes. Send members in several PATCH requests.",
    429: "Too many requests for now. Wait as long as the Retry-After header says.",
    503: "The portal's database cannot be reached at the moment. Try again later.",
}
_UNEXPECTED = "Something went wrong in the portal. Try again; its log knows this by the X-Request-Id header."


class Taken(UniquenessException):
    """Somebody has this already: 409 with ``uniqueness``."""


#: What a view may raise and :func:`answer` answers.
ANSWERED = (SCIMException, ValidationError, IntegrityError)


def answer(error: Exception) -> Response:
    """Return the SCIM error for one of :data:`ANSWERED`; what was not committed is undone."""
    if isinstance(error, IntegrityError):
        return _in_time_for_another()
    if isinstance(error, ValidationError):
        return _from_validation(error)
    assert isinstance(error, SCIMException)
    return _from_exception(error)


def _in_time_for_another() -> Response:
    """Answer that somebody else was first: two requests have written the same name at the same moment."""
    db.session.rollback()
    _log.info("scim write lost a race")
    return _from_exception(Taken(detail="Another request has just taken this name. Look it up, then update."))


def _from_validation(error: ValidationError) -> Response:
    """Answer what scim2-models found wrong with a document: its first complaint."""
    db.session.rollback()
    return _answer(Error.from_validation_errors(error)[0])


def _from_exception(error: SCIMException) -> Response:
    db.session.rollback()
    return _answer(error.to_error())


def from_problem(problem: Problem) -> Response:
    """Return the SCIM error for what went wrong before or around a view."""
    usual = _UNEXPECTED if problem.status >= 500 else _SENTENCES[400]
    detail = _SENTENCES.get(problem.status, usual)
    response = _answer(Error(status=problem.status, detail=detail))
    response.headers.extend(problem.headers)
    return response


def _answer(error: Error) -> Response:
    status = error.status or 400
    detail = logs.one_line(error.detail or _SENTENCES.get(status, _SENTENCES[400]))[:_LONGEST_DETAIL]
    shown = Error(status=status, scim_type=error.scim_type, detail=detail)
    body = {name: value for name, value in shown.model_dump().items() if value is not None}
    response = answers.document(body, status)
    if status == 401:
        response.headers["WWW-Authenticate"] = _CHALLENGE  # RFC 9110 section 15.5.2
    return response
