"""VerifEye's webhook: a hint that a session finished, never a verdict.

Its only proof is a header that carries the account's own API key, so the key is compared with every
configuration's in constant time. The hint is written down once per session; what the session was worth is
asked of VerifEye when the browser returns.
"""

from typing import Any

from flask import jsonify, request
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from werkzeug.wrappers import Response

from portal import clock, credentials
from portal.audit.events import Event
from portal.audit.log import record
from portal.extensions import db, vault
from portal.models import Capture, SessionNotice, VerificationConfiguration
from portal.verifeye.identifiers import canonical, is_uuid
from portal.verifications import registry

_EVENT = "VerificationCompleted"


def webhook() -> tuple[Response, int]:
    """Take a notice; 2xx at once for anything well-formed, known session or not."""
    configuration = _sender()
    if configuration is None:
        return _refuse("key", 401)
    document = _document()
    session_id = document.get("verificationSessionId") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(session_id, str) or not is_uuid(session_id):
        return _refuse("body", 400)
    if document.get("event") != _EVENT:
        return jsonify({"status": "ignored"}), 200
    _note(canonical(session_id), configuration)
    return jsonify({"status": "noted"}), 200


def _sender() -> VerificationConfiguration | None:
    """Return a configuration whose API key the header carries; every key is compared, whichever matches."""
    presented = request.headers.get("X-API-Key", "")
    matching = [
        configuration
        for configuration in registry.every()
        if credentials.same(vault().unseal(configuration.api_key_sealed), presented)
    ]
    return matching[0] if presented and matching else None


def _document() -> Any:
    try:
        return request.get_json(force=True, silent=True)
    except RecursionError:
        return None  # nested more deeply than anything VerifEye would say


def _note(session_id: str, configuration: VerificationConfiguration) -> None:
    try:
        with db.session.begin_nested():
            db.session.execute(
                insert(SessionNotice).values(
                    session_id=session_id, verification_id=configuration.id, received_at=clock.now()
                )
            )
    except IntegrityError:
        return  # told twice: VerifEye repeats a notice that it thinks was lost
    known = db.session.scalars(select(Capture.id).where(Capture.session_id == session_id)).first() is not None
    record(Event.WEBHOOK_RECEIVED, session=session_id, verification=configuration.id, known=known)
    db.session.commit()


def _refuse(reason: str, status: int) -> tuple[Response, int]:
    record(Event.WEBHOOK_REFUSED, reason=reason)
    db.session.commit()
    return jsonify({"error": "refused"}), status
