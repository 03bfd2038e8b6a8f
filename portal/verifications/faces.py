"""Deleting a face at VerifEye: what the outbox does with the topic ``users.delete_face``.

The wish comes from the directory, which may not see VerifEye; the outbox carries it here. A face that
cannot be deleted by the portal ends among the dead letters with a sentence that says what an operator
has to do: somebody's biometric template must not be forgotten about.
"""

from typing import Any

from flask import Flask

from portal import outbox
from portal.audit.events import Event
from portal.audit.log import record
from portal.credentials import UnsealError
from portal.extensions import settings
from portal.outbox import OutboxFailure
from portal.users.enrolments import DELETE_FACE
from portal.verifeye.errors import VerifEyeRefused, VerifEyeUnavailable
from portal.verifications import registry


def init_app(app: Flask) -> None:
    """Handle the topic in ``app``."""
    outbox.handles(app, DELETE_FACE, delete_face)


def delete_face(payload: dict[str, Any]) -> str:
    """Have VerifEye forget the face that ``payload`` names and return its receipt.

    Deleting what is gone succeeds, so the message may be worked off twice. Raises ``OutboxFailure``:
    finally where only an operator can help, else to be tried again.
    """
    by_hand = f"Delete the face of the external id {payload['external_id']} in VerifEye's console"
    if not settings().verifeye_face_deletion:
        raise OutboxFailure(
            f"Deleting faces is switched off (setting verifeye_face_deletion). {by_hand}.", final=True
        )
    configuration = registry.find(payload["verification_id"])
    if configuration is None:
        raise OutboxFailure(f"The verification configuration was removed. {by_hand}.", final=True)
    try:
        receipt = registry.client_for(configuration).delete_face(
            external_id=payload["external_id"], face_id=payload.get("face_id")
        )
    except VerifEyeUnavailable as error:
        raise OutboxFailure("VerifEye did not answer.") from error
    except VerifEyeRefused as error:
        raise OutboxFailure(
            f"VerifEye refused: it does not know the key or does not offer this. {by_hand}.", final=True
        ) from error
    except UnsealError as error:
        # Tried again: with the key put back, the whole backlog is done, and not among the dead letters.
        raise OutboxFailure(
            "The API key is sealed with an encryption key that is not configured. "
            f"Put it back into PORTAL_ENCRYPTION_KEY and restart, or: {by_hand}."
        ) from error
    record(
        Event.FACE_DELETED,
        user_id=payload["user_id"],
        verification=payload["verification_id"],
        receipt=receipt,
    )
    return receipt
