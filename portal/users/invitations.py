"""Inviting people to enrol, and reminding them.

An invitation is a row; its link is signed, not stored, so that a mail that is sent again and a link that an
operator copies are the same one. Opening the link uses nothing up (mail scanners open links too): the
invitation is consumed when the enrolment is confirmed, so that a camera that failed locks nobody out.
"""

import logging
from contextlib import suppress
from datetime import datetime
from typing import Any

from sqlalchemy import delete, exists, select, update
from sqlalchemy.exc import IntegrityError

from portal import clock, credentials
from portal.audit.events import Event
from portal.audit.log import record
from portal.extensions import db, rows_touched, settings
from portal.models import Invitation, InvitationEnd, User, UserStatus, VerificationConfiguration
from portal.outbox import enqueue
from portal.users import enrolments

#: The mail of an invitation: ``invitation_id``, ``kind`` (``invitation`` or ``reminder``) and ``mail_id``,
#: which names this one mail.
MAIL = "enrolment.mail"
#: Somebody who should be invited once it is known where: ``user_id`` and ``how``.
LATER = "enrolment.invite"

_log = logging.getLogger(__name__)
_DAY = 86_400


class NotInvited(Exception):
    """The person was not invited; the message is a sentence for whoever wanted it."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class NoVerification(NotInvited):
    """It is not clear at which verification people enrol; an operator has to say."""


class InvitedAlready(NotInvited):
    """An invitation is out and still good."""


class EnrolledAlready(NotInvited):
    """There is nothing to invite to."""


def chosen_verification() -> str:
    """Return the id of the verification that people are invited to enrol at.

    The setting ``workforce_verification`` says which; without it, the only one. Raises
    :class:`NoVerification`.
    """
    there = list(
        db.session.scalars(
            select(VerificationConfiguration.id).where(VerificationConfiguration.removed_at.is_(None))
        )
    )
    wanted = settings().workforce_verification.strip().lower()
    if wanted:
        if wanted in there:
            return wanted
        raise NoVerification(
            f"The setting workforce_verification names {wanted}, which is not there; "
            "`flask verification list` shows what is."
        )
    if len(there) == 1:
        return there[0]
    if not there:
        raise NoVerification("There is no verification configuration; `flask verification add` adds one.")
    raise NoVerification(
        "There are several verification configurations; say with the setting workforce_verification at which "
        "one people enrol."
    )


def invite_on_arrival(user: User, *, how: str) -> None:
    """Invite a person whom Okta or SCIM just brought in; ``how`` is ``scim`` or ``okta``. Flushes.

    Does nothing where the setting ``invite_on_arrival`` or mail is off, and for somebody who is enrolled,
    held back, erased, without an e-mail address or invited already. May be called any number of times.
    """
    if not settings().invite_on_arrival or settings().mail_transport == "off" or not user.email:
        return
    try:
        invite(user, how=how)
    except NoVerification as reason:
        _log.warning("nobody can be invited: %s", reason.sentence)
        if user.status == UserStatus.ACTIVE:
            enqueue(LATER, {"user_id": user.id, "how": how})
    except NotInvited:
        return


def invite(user: User, *, how: str, again: bool = False, mail: bool = True) -> Invitation:
    """Invite ``user`` to enrol and return the open invitation, flushed; the mail goes through the outbox.

    ``again`` sends an invitation that is out once more and lets it begin anew; the link stays the same.
    ``mail=False`` is for a link that is handed over otherwise. Raises :class:`NotInvited` with a sentence.
    """
    verification_id = chosen_verification()
    _keep_as_is(user.id)
    _require_invitable(user, verification_id, mail=mail)
    found = open_for(user.id, verification_id)
    if found is not None and not is_expired(found):
        if mail and not again:
            raise InvitedAlready(f"{user.login} is invited already.")
        return _extend(found, how=how, mail=mail) if again else found
    if found is not None:
        end(found, InvitationEnd.SUPERSEDED)
    made = _make(user.id, verification_id, how=how)
    if mail:
        _mail(made, "invitation")
    return made


def replace(last: Invitation, user: User, *, how: str) -> Invitation:
    """Put a fresh invitation in the place of ``last``, open or over, and mail it; flushes.

    Reminders are counted on from there: they stop where they would have stopped. Raises
    :class:`NotInvited`.
    """
    verification_id = chosen_verification()
    _keep_as_is(user.id)
    _require_invitable(user, verification_id, mail=True)
    there = open_for(user.id, verification_id)
    if there is not None and not end(there, InvitationEnd.SUPERSEDED):
        raise NotInvited("The invitation has just ended; look again.")
    made = _make(user.id, verification_id, how=how, reminders=last.reminders)
    _mail(made, "invitation")
    return made


def readdress(user: User, *, how: str) -> int:
    """Take back what was sent to a former address of a person, and mail another to the present one; flushes.

    The former may be a stranger's: mistyped, or given to somebody else. Whoever has begun by it does not
    finish, so what was good until a moment ago is taken back as well. A link that an operator handed over
    where mail is off went to no address, and stays good. Returns how many were taken back.
    """
    mail_is_on = settings().mail_transport != "off"
    there = db.session.scalars(
        select(Invitation).where(
            Invitation.user_id == user.id,
            Invitation.ended_at.is_(None),
            Invitation.expires_at > clock.after(-settings().journey_lifetime),
        )
    ).all()
    went_out = [each for each in there if mail_is_on or each.sent_at is not None]
    taken_back = [each for each in went_out if end(each, InvitationEnd.REVOKED)]
    for each in taken_back:
        enrolled = enrolments.is_confirmed(enrolments.find(user.id, each.verification_id))
        if user.email and mail_is_on and not enrolled:
            # Also for somebody held back: it is not mailed then, but reminders go on from here afterwards.
            with suppress(InvitedAlready):
                _mail(_make(user.id, each.verification_id, how=how, reminders=each.reminders), "invitation")
    return len(taken_back)


def find(invitation_id: str) -> Invitation | None:
    """Return the invitation, whatever became of it."""
    return db.session.get(Invitation, invitation_id)


def open_for(user_id: str, verification_id: str) -> Invitation | None:
    """Return the invitation that is neither used nor taken back; its time may be over."""
    return db.session.scalars(
        select(Invitation).where(
            Invitation.user_id == user_id,
            Invitation.verification_id == verification_id,
            Invitation.ended_at.is_(None),
        )
    ).first()


def is_expired(invitation: Invitation) -> bool:
    """Say whether the invitation's time is over."""
    return invitation.expires_at <= clock.now()


def begun(invitation: Invitation) -> None:
    """Note that somebody began by the link; the first time counts."""
    db.session.execute(
        update(Invitation)
        .where(Invitation.id == invitation.id, Invitation.begun_at.is_(None))
        .values(begun_at=clock.now())
    )


def sent(invitation_id: str) -> None:
    """Note that a mail of the invitation went out."""
    db.session.execute(update(Invitation).where(Invitation.id == invitation_id).values(sent_at=clock.now()))


def use(invitation: Invitation) -> bool:
    """Consume an invitation; ``False`` if it was taken back, or somebody was first.

    Whoever began in time may finish, so its time is not asked for; and where a reminder put another one into
    its place meanwhile, that one is consumed. Not so if any was taken back since: that was meant for whoever
    held the earlier ones too, and what is open now was made for another address or on another word.
    """
    if end(invitation, InvitationEnd.USED):
        return True
    if invitation.ended_as != InvitationEnd.SUPERSEDED:
        return False
    # Looked up first: what takes its place from now on was made after it was taken back.
    successor = open_for(invitation.user_id, invitation.verification_id)
    if successor is None or _taken_back_since(invitation):
        return False
    return end(successor, InvitationEnd.USED)


def _taken_back_since(superseded: Invitation) -> bool:
    taken_back = exists().where(
        Invitation.user_id == superseded.user_id,
        Invitation.verification_id == superseded.verification_id,
        Invitation.ended_as == InvitationEnd.REVOKED.value,
        Invitation.ended_at >= superseded.ended_at,
    )
    return bool(db.session.scalar(select(taken_back)))


def end(invitation: Invitation, reason: InvitationEnd) -> bool:
    """End an open invitation for ``reason``; says whether this call did it."""
    ended = db.session.execute(
        update(Invitation)
        .where(Invitation.id == invitation.id, Invitation.ended_at.is_(None))
        .values(ended_at=clock.now(), ended_as=reason.value, next_reminder_at=None)
        .execution_options(synchronize_session=False)
    )
    db.session.refresh(invitation)
    if rows_touched(ended) == 0:
        return False
    record(
        Event.INVITATION_ENDED,
        user_id=invitation.user_id,
        verification=invitation.verification_id,
        reason=reason.value,
    )
    return True


def revoke(user: User) -> int:
    """Take every open invitation of a person back, on an operator's word; returns how many there were."""
    there = db.session.scalars(
        select(Invitation).where(Invitation.user_id == user.id, Invitation.ended_at.is_(None))
    ).all()
    return sum(end(invitation, InvitationEnd.REVOKED) for invitation in there)


def forget(user_id: str) -> None:
    """Remove every invitation of a person who is being erased."""
    db.session.execute(delete(Invitation).where(Invitation.user_id == user_id))


def remind_due(limit: int = 200) -> int:
    """Send the reminders that are due, up to ``limit``, and return how many invitations were looked at.

    Flushes. Each is claimed by one conditional UPDATE, so that two workers send one mail.
    """
    due = db.session.scalars(
        select(Invitation)
        .where(Invitation.next_reminder_at <= clock.now(), Invitation.ended_at.is_(None))
        .order_by(Invitation.next_reminder_at)
        .limit(limit)
    ).all()
    for invitation in due:
        _remind(invitation)
    return len(due)


def _remind(invitation: Invitation) -> None:
    count = invitation.reminders + 1
    if is_expired(invitation):
        _keep_as_is(invitation.user_id)
    if not _claim_reminder(invitation, next_at=_next_reminder(count)):
        return
    user = db.session.get_one(User, invitation.user_id)
    if enrolments.is_confirmed(enrolments.find(user.id, invitation.verification_id)):
        end(invitation, InvitationEnd.ENROLLED)
        return
    if user.status != UserStatus.ACTIVE or not user.email or settings().mail_transport == "off":
        return
    if not is_expired(invitation):
        _mail(invitation, "reminder")
        return
    end(invitation, InvitationEnd.SUPERSEDED)
    try:
        fresh = _make(user.id, invitation.verification_id, how="reminder", reminders=count)
    except InvitedAlready:
        return
    _mail(fresh, "reminder")


def _claim_reminder(invitation: Invitation, *, next_at: datetime | None) -> bool:
    """Count the reminder that is due; ``False`` if another worker did, or the invitation ended."""
    seen = invitation.next_reminder_at
    claimed = db.session.execute(
        update(Invitation)
        .where(
            Invitation.id == invitation.id,
            Invitation.next_reminder_at == seen,
            Invitation.ended_at.is_(None),
        )
        .values(reminders=Invitation.reminders + 1, next_reminder_at=next_at)
        .execution_options(synchronize_session=False)
    )
    db.session.refresh(invitation)
    return rows_touched(claimed) == 1


def _keep_as_is(user_id: str) -> None:
    """Make whoever gives the person another login or address wait, before any invitation is touched.

    They have the person first and the invitations then. An invitation that is added wants the person too (its
    foreign key): the other way round, each would wait for the other.
    """
    db.session.execute(select(User.id).where(User.id == user_id).with_for_update(read=True, key_share=True))


def _next_reminder(reminders: int) -> datetime | None:
    """Return when the next reminder is due after so many, ``None`` where the rule says stop."""
    if reminders >= settings().invitation_reminders:
        return None
    first = reminders == 0
    days = settings().invitation_reminder_first if first else settings().invitation_reminder_every
    return clock.after(days * _DAY)


def _require_invitable(user: User, verification_id: str, *, mail: bool) -> None:
    if user.status == UserStatus.ERASED:
        raise NotInvited(f"{user.id} is erased.")
    if user.status != UserStatus.ACTIVE:
        raise NotInvited(f"{user.login} is suspended; `flask user show` says why.")
    if enrolments.is_confirmed(enrolments.find(user.id, verification_id)):
        raise EnrolledAlready(f"{user.login} is enrolled already.")
    if not mail:
        return
    if not user.email:
        raise NotInvited(f"{user.login} has no e-mail address; add one, or hand over the link (--link).")
    if settings().mail_transport == "off":
        raise NotInvited("Mail is switched off (setting mail_transport); hand over the link (--link).")


def _make(user_id: str, verification_id: str, *, how: str, reminders: int = 0) -> Invitation:
    """Add an invitation; of two at once, the second is told that there is one."""
    made = Invitation(
        id=credentials.random_hex(),
        user_id=user_id,
        verification_id=verification_id,
        how=how,
        created_at=clock.now(),
        expires_at=clock.after(settings().invitation_lifetime),
        reminders=reminders,
        next_reminder_at=_next_reminder(reminders),
    )
    try:
        with db.session.begin_nested():
            db.session.add(made)
            db.session.flush()
    except IntegrityError as error:
        raise InvitedAlready("Somebody else has just invited the person.") from error
    record(Event.INVITATION_MADE, user_id=user_id, verification=verification_id, how=how)
    return made


def _extend(invitation: Invitation, *, how: str, mail: bool) -> Invitation:
    """Let an open invitation begin anew, and mail it if wanted; raises if it ended meanwhile."""
    values: dict[str, Any] = {"expires_at": clock.after(settings().invitation_lifetime)}
    extended = db.session.execute(
        update(Invitation)
        .where(Invitation.id == invitation.id, Invitation.ended_at.is_(None))
        .values(**values, next_reminder_at=_next_reminder(invitation.reminders))
        .execution_options(synchronize_session=False)
    )
    db.session.refresh(invitation)
    if rows_touched(extended) == 0:
        raise NotInvited("The invitation has just ended; look again.")
    record(
        Event.INVITATION_RESENT,
        user_id=invitation.user_id,
        verification=invitation.verification_id,
        how=how,
    )
    if mail:
        _mail(invitation, "invitation")
    return invitation


def _mail(invitation: Invitation, kind: str) -> None:
    enqueue(MAIL, {"invitation_id": invitation.id, "kind": kind, "mail_id": credentials.random_hex()})
