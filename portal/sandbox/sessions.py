"""A session's two ends: the link that opens it is checked, and what happened in it is settled."""

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from portal import clock, credentials
from portal.sandbox.configurations import Burn, Configuration, Shape, WebhookMode
from portal.sandbox.matching import Match, match
from portal.sandbox.people import look
from portal.sandbox.scenarios import Scenario
from portal.sandbox.store import Records
from portal.sandbox.verdicts import face_is_compared, forged_failure, judge, result_document, return_url
from portal.verifeye import signing
from portal.verifeye.results import Outcome, Verifier

#: How long a session may stay open, in seconds.
LONGEST_SESSION = 1800
LONGEST_QUERY = 8192

_OVERRIDES = {
    "reDisableLivenessVerifier": Verifier.LIVENESS,
    "reDisableAgeVerifier": Verifier.AGE,
    "reDisableGenderVerifier": Verifier.GENDER,
}


class LinkRefused(Exception):
    """A page cannot be shown: the HTTP status, and a heading and a sentence for the person."""

    def __init__(self, status: int, title: str, sentence: str) -> None:
        super().__init__(title)
        self.status, self.title, self.sentence = status, title, sentence


@dataclass(frozen=True, slots=True)
class Order:
    """What a test ordered for a session beyond face and scenario."""

    webhook: WebhookMode | None = None
    shape: Shape | None = None
    unready: int = 2
    slow_seconds: int = 5


@dataclass(frozen=True, slots=True)
class Ending:
    """How a session ended: where the browser goes (None: nowhere), after how long, and who is told how."""

    url: str | None
    seconds: int = 0
    webhook: WebhookMode = WebhookMode.DROPPED


def account_of(configuration: Configuration) -> str:
    """Name the account of a configuration without keeping its key: nonces are used up per account."""
    return credentials.digest(configuration.api_key)


def check_link(records: Records, configuration: Configuration, raw: bytes) -> dict[str, Any]:
    """Return what a link says; raises :class:`LinkRefused` with 400, or 410 for expired and used ones."""
    if len(raw) > LONGEST_QUERY or not raw.isascii():
        raise LinkRefused(400, "This link is damaged", "It is too long or holds characters that no link has.")
    query = raw.decode("ascii")
    pairs = signing.parse(query)
    names = [name.lower() for name, _ in pairs if name.lower().startswith("re")]
    if len(names) != len(set(names)):
        raise LinkRefused(400, "This link is damaged", "One of VerifEye's own parameters occurs twice.")
    signed = signing.SIGNATURE.lower() in names
    if (signed or configuration.force_signed_input) and not signing.verify(query, configuration.api_key):
        raise LinkRefused(
            400, "This link is not signed properly", "Its signature is missing or does not fit."
        )
    values = {name.lower(): value for name, value in pairs if name.lower().startswith("re")}
    expiration, nonce = values.get("reexpiration"), values.get("renonce")
    if nonce is not None and expiration is None:
        raise LinkRefused(400, "This link is incomplete", "A link with a nonce needs an expiration.")
    if expiration is not None:
        _check_expiration(expiration)
    if nonce is not None and records.is_burnt(account_of(configuration), nonce):
        raise LinkRefused(410, "This link has been used", "Every link works once.")
    external_id = values.get("reexternalid") or None
    if configuration.face_mode.needs_external_id and external_id is None:
        raise LinkRefused(
            400, "This link is incomplete", "This configuration needs an external id (reExternalId)."
        )
    gate = configuration.allow_verifier_overrides
    return {
        "nonce": nonce,
        "external_id": external_id,
        "parameters": [pair for pair in pairs if not pair[0].lower().startswith("re")],
        "disabled": [
            verifier for name, verifier in _OVERRIDES.items() if gate and values.get(name.lower()) == "true"
        ],
    }


def _check_expiration(expiration: str) -> None:
    if not (expiration.isascii() and expiration.isdigit() and len(expiration) <= 12):
        raise LinkRefused(400, "This link is damaged", "Its expiration is not a number.")
    if int(expiration) <= clock.epoch():
        raise LinkRefused(410, "This link has expired", "Links are short-lived.")


def open_session(records: Records, configuration: Configuration, link: dict[str, Any]) -> str:
    """Open a session for a checked link and return its id."""
    if configuration.burn is Burn.OPEN and link["nonce"]:
        records.burn(account_of(configuration), link["nonce"])
    return records.open_session(configuration.id, link)


def settle(
    records: Records,
    configuration: Configuration,
    session: sqlite3.Row,
    face: str,
    scenario: Scenario,
    order: Order,
) -> Ending:
    """End a session as ``scenario`` has it; raises :class:`LinkRefused` if it cannot end (again)."""
    link = json.loads(session["link"])
    if scenario is Scenario.NEVER_RETURN:
        return Ending(None)
    if scenario is Scenario.REPLAY:
        return Ending(_last_return(records, configuration))
    _use_up(records, configuration, session, link["nonce"])
    seen = look(face)
    verdict_of_face = Match(Outcome.NOT_EXECUTED)
    if face_is_compared(configuration, scenario, seen):
        stored = records.faces(configuration.collection)
        verdict_of_face = match(configuration.face_mode, seen.who, link["external_id"], stored)
        if verdict_of_face.store:
            face_id = records.store_face(configuration.collection, seen.who, link["external_id"])
            verdict_of_face = Match(verdict_of_face.outcome, face_id)
    elif scenario is Scenario.FORGED_RESULT:
        verdict_of_face = Match(Outcome.PASSED, credentials.random_hex(128))
    shown = judge(configuration, scenario, seen, verdict_of_face, link["disabled"])
    told = forged_failure(shown) if scenario is Scenario.FORGED_RESULT else shown
    url = return_url(configuration, scenario, session["id"], shown, link["parameters"])
    records.finish_session(
        session["id"],
        scenario=scenario,
        result=result_document(
            configuration,
            session["id"],
            told,
            link["external_id"],
            link["parameters"],
            order.shape or configuration.shape,
        ),
        return_url=url,
        unready=order.unready if scenario is Scenario.NOT_READY else 0,
    )
    seconds = order.slow_seconds if scenario is Scenario.SLOW else 0
    return Ending(url, seconds, order.webhook or configuration.webhook)


def _last_return(records: Records, configuration: Configuration) -> str:
    last = records.last_return(configuration.id)
    if last is None:
        raise LinkRefused(
            409, "Nothing to replay yet", "Finish one verification of this configuration first."
        )
    return last


def _use_up(records: Records, configuration: Configuration, session: sqlite3.Row, nonce: str | None) -> None:
    """Make sure that a session ends once and that its link is not used again."""
    if session["finished"] is not None or clock.now().timestamp() - session["opened"] > LONGEST_SESSION:
        raise LinkRefused(410, "This verification is over", "It has ended or waited too long.")
    fresh = nonce is None or records.burn(account_of(configuration), nonce)
    if not fresh and configuration.burn is Burn.COMPLETION:
        raise LinkRefused(410, "This link has been used", "Every link works once.")
