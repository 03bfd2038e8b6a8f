"""Delivering ``VerificationCompleted`` as VerifEye does: one attempt, one retry, then dropped."""

import logging
import threading

import urllib3

from portal import clock
from portal.sandbox.configurations import Configuration, WebhookMode
from portal.sandbox.store import Store

_log = logging.getLogger(__name__)

#: The vendor waits this long for an answer, in seconds.
PATIENCE = 5.0
#: What "after" means here, in seconds: long enough for the browser to be back first.
_LATER = 1.0


def deliver(store: Store, configuration: Configuration, session_id: str, mode: WebhookMode) -> None:
    """Start the delivery in the background; with ``before`` return only when it is done."""
    if not configuration.webhook_url or mode is WebhookMode.DROPPED:
        return
    thread = threading.Thread(
        target=_deliver_all,
        args=(store, configuration, session_id, mode),
        name=f"sandbox-webhook-{session_id[:8]}",
        daemon=True,
    )
    thread.start()
    if mode is WebhookMode.BEFORE:
        thread.join(2 * PATIENCE + 1)


def _deliver_all(store: Store, configuration: Configuration, session_id: str, mode: WebhookMode) -> None:
    if mode is not WebhookMode.BEFORE:
        clock.sleep(_LATER)
    with urllib3.PoolManager() as pool:
        for _ in range(2 if mode is WebhookMode.TWICE else 1):
            status = _attempt(pool, configuration, session_id, mode)
            if not status.startswith("2"):
                status = _attempt(pool, configuration, session_id, mode)
            _log.info("sandbox: webhook for session %s: %s", session_id, status)
            with store.transaction() as records:
                records.note_delivery(session_id, status)


def _attempt(
    pool: urllib3.PoolManager, configuration: Configuration, session_id: str, mode: WebhookMode
) -> str:
    """Return the status of one attempt as text, or what kept it from being made."""
    # The header really is the account's API key: that is the vendor's design, and what makes
    # a portal that logs its headers a leak.
    headers = {} if mode is WebhookMode.NO_HEADER else {"X-API-Key": configuration.api_key}
    try:
        answer = pool.request(
            "POST",
            configuration.webhook_url,
            json={"event": "VerificationCompleted", "verificationSessionId": session_id},
            headers={"Content-Type": "application/json", **headers},
            timeout=PATIENCE,
            retries=False,
            redirect=False,
        )
    except (urllib3.exceptions.HTTPError, OSError) as error:
        return type(error).__name__
    return str(answer.status)
