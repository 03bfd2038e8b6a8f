"""``flask journeys``: what happened to somebody, and ending what nobody continues."""

import re
from typing import Any

import click
from sqlalchemy import or_, select

from portal.cli import common, retention
from portal.extensions import db
from portal.models import AuditEvent, AuthorizationGrant, Capture, Journey, SessionNotice

group = common.Group("journeys", help="Look up what happened to somebody, and end what nobody continues.")

#: The first references had eight letters; the audit log may still hold some.
_REFERENCE = re.compile(r"[0-9A-Z]{8}|[0-9A-Z]{12}")
_MOST_EVENTS = 500


@group.command("show")
@click.argument("journey_id", metavar="ID")
@common.json_option
def show(journey_id: str, as_json: bool) -> None:
    """Show the journey ID: a reference such as 7KXM-2PQR-9BCD, in any spelling, or the journey's own id.

    A journey that was pruned leaves its audit log behind, which is kept longer.
    """
    reference = _as_reference(journey_id)
    journey = db.session.scalars(
        select(Journey).where(
            or_(Journey.reference == (reference or ""), Journey.id == journey_id.strip().lower())
        )
    ).first()
    events = _events(journey.reference if journey else reference)
    if journey is None and not events:
        common.fail(f"There is no journey {journey_id}, and the audit log has nothing under that reference.")
    document = _described(journey, events)
    if as_json:
        common.print_json(document)
        return
    if journey is None:
        click.echo("The journey's record is gone; this is what the audit log has.\n")
    else:
        _print_journey(document["journey"])
    for title, headings, rows in _tables(document):
        if rows:
            click.echo(f"\n{title}")
            common.print_table(headings, rows)


@group.command("expire")
@common.json_option
def expire(as_json: bool) -> None:
    """End journeys whose time is over, and remove what was kept long enough. Run it every few minutes.

    An enrolment that an abandoned journey made is discarded, and its face deleted through the outbox.
    """
    expired, removed = retention.expire_due(), retention.prune()
    if as_json:
        common.print_json({"expired": expired, "removed": removed})
        return
    counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in removed.items())
    click.echo(f"Ended {expired} journeys. Removed {counts}.")


def _as_reference(text: str) -> str | None:
    """Return a reference as it is stored, however it was read out or typed."""
    plain = re.sub(r"[\s\-\u2010-\u2015]", "", text).upper()
    return "-".join(re.findall("....", plain)) if _REFERENCE.fullmatch(plain) else None


def _events(reference: str | None) -> list[AuditEvent]:
    if reference is None:
        return []
    return list(
        db.session.scalars(
            select(AuditEvent)
            .where(AuditEvent.reference == reference)
            .order_by(AuditEvent.id)
            .limit(_MOST_EVENTS)
        )
    )


def _described(journey: Journey | None, events: list[AuditEvent]) -> dict[str, Any]:
    captures: list[Capture] = []
    grants: list[AuthorizationGrant] = []
    if journey is not None:
        captures = list(
            db.session.scalars(
                select(Capture).where(Capture.journey_id == journey.id).order_by(Capture.created_at)
            )
        )
        grants = list(
            db.session.scalars(select(AuthorizationGrant).where(AuthorizationGrant.journey_id == journey.id))
        )
    sessions = [capture.session_id for capture in captures if capture.session_id]
    notices = db.session.scalars(select(SessionNotice).where(SessionNotice.session_id.in_(sessions)))
    return {
        "journey": None if journey is None else _journey(journey),
        "captures": [_capture(capture) for capture in captures],
        "codes": [_code(grant) for grant in grants],
        "webhook_notices": [
            {"session_id": notice.session_id, "received_at": notice.received_at} for notice in notices
        ],
        "events": [
            {
                "at": event.at,
                "event": event.event,
                "client_id": event.client_id,
                "user_id": event.user_id,
                "fields": event.fields,
            }
            for event in events
        ],
    }


def _journey(journey: Journey) -> dict[str, Any]:
    return {
        "id": journey.id,
        "reference": journey.reference,
        "state": journey.state,
        "client_id": journey.client_id,
        "verification_id": journey.verification_id,
        "account": journey.account,
        "user_id": journey.user_id,
        "integrity_proven": journey.integrity_proven,
        "attempts": journey.attempts,
        "attempts_allowed": journey.attempts_allowed,
        "links": journey.links,
        "refusal": journey.refusal,
        "consent_version": journey.consent_version,
        "consented_at": journey.consented_at,
        "verified_at": journey.verified_at,
        "created_at": journey.created_at,
        "expires_at": journey.expires_at,
        "ended_at": journey.ended_at,
    }


def _capture(capture: Capture) -> dict[str, Any]:
    return {
        "created_at": capture.created_at,
        "ended_at": capture.ended_at,
        "enrols": capture.enrols,
        "session_id": capture.session_id,
        "passed": capture.passed,
        "reason": capture.reason,
    }


def _code(grant: AuthorizationGrant) -> dict[str, Any]:
    return {
        "created_at": grant.created_at,
        "expires_at": grant.expires_at,
        "redeemed_at": grant.redeemed_at,
        "revoked_at": grant.revoked_at,
    }


def _print_journey(facts: dict[str, Any]) -> None:
    common.print_facts(
        [
            ("Reference", facts["reference"]),
            ("Id", facts["id"]),
            ("State", facts["state"]),
            ("Why not", facts["refusal"]),
            ("Client", facts["client_id"]),
            ("Verification", facts["verification_id"]),
            ("Account", facts["account"]),
            ("User", facts["user_id"]),
            ("Integrity proven", facts["integrity_proven"]),
            ("Attempts", f"{facts['attempts']} of {facts['attempts_allowed']}, {facts['links']} links"),
            ("Begun", facts["created_at"]),
            ("Consent", facts["consented_at"]),
            ("Verified", facts["verified_at"]),
            ("Expires", facts["expires_at"]),
            ("Ended", facts["ended_at"]),
        ]
    )


def _tables(document: dict[str, Any]) -> list[tuple[str, tuple[str, ...], list[tuple[Any, ...]]]]:
    return [
        (
            "Captures",
            ("BEGUN", "ENDED", "ENROLS", "SESSION", "PASSED", "REASON"),
            [tuple(capture.values()) for capture in document["captures"]],
        ),
        (
            "Codes",
            ("MADE", "GOOD UNTIL", "REDEEMED", "REVOKED"),
            [tuple(code.values()) for code in document["codes"]],
        ),
        (
            "What VerifEye announced",
            ("SESSION", "RECEIVED"),
            [tuple(notice.values()) for notice in document["webhook_notices"]],
        ),
        (
            "Audit log",
            ("AT", "EVENT", "USER", "DETAIL"),
            [
                (event["at"], event["event"], event["user_id"], _detail(event["fields"]))
                for event in document["events"]
            ],
        ),
    ]


def _detail(fields: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in sorted(fields.items()))
