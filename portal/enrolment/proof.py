"""Where Okta hands the person back: only the person who was invited may go on."""

import logging

from flask import render_template
from sqlalchemy import select
from werkzeug.wrappers import Response

from portal import credentials
from portal.audit.events import Event
from portal.audit.log import record
from portal.enrolment import entrance, links, standing
from portal.extensions import db
from portal.models import Invitation, User
from portal.users import directory, invitations
from portal.web import errors, headers, okta_sign_in
from portal.web.okta_sign_in import Identity, SignInAway, SignInRefused

_log = logging.getLogger(__name__)


def okta_callback() -> Response | str:
    """Take Okta's answer; for the invited person, begin the capture."""
    try:
        about, identity = okta_sign_in.finish(redirect_uri=entrance.sign_in_callback())
    except SignInAway as away:
        _log.warning("Okta's answer could not be redeemed: %s", away)
        return entrance.okta_away()
    except SignInRefused as refused:
        return _refused(refused)
    invitation = invitations.find(about)
    if invitation is None:
        return standing.unknown_link()
    user = db.session.get_one(User, invitation.user_id)
    if (refusal := standing.refusal_of(invitation, user)) is not None:
        page = standing.refuse(invitation, refusal)
    elif not _is(user, identity):
        page = _somebody_else(invitation, "wrong_person")
    else:
        page = entrance.begin(invitation, user, signed_in=True)
    db.session.commit()
    return page


def _is(user: User, identity: Identity) -> bool:
    """Say whether Okta's answer names ``user``: by Okta's id, or by the login where no id is known.

    Whoever is known here by their id is nobody else, whatever their login is by now.
    """
    if user.okta_id is not None:
        return credentials.same(identity.okta_id, user.okta_id)
    if identity.login is None or directory.account_key(identity.login) != user.login_key:
        return False
    return db.session.scalar(select(User.id).where(User.okta_id == identity.okta_id)) is None


def _refused(refused: SignInRefused) -> Response:
    invitation = invitations.find(refused.subject) if refused.subject else None
    if invitation is not None:
        page = _somebody_else(invitation, refused.reason)
        db.session.commit()
        return page
    return errors.page(
        400,
        title="This sign-in can’t be used",
        cause="It was not asked for in this browser, took too long, or was used before.",
        next_step="Open the link in the mail again and start from there.",
        reference=credentials.reference(),
    )


def _somebody_else(invitation: Invitation, reason: str) -> Response:
    """Return the page for a sign-in that was not the invited person's, with a way to try once more."""
    reference = credentials.reference()
    record(Event.IDENTITY_REFUSED, reference=reference, user_id=invitation.user_id, reason=reason)
    if (connection := okta_sign_in.connection()) is not None:
        headers.allow_form_action(connection.sign_in_issuer or connection.org_url, onward=True)
    html = render_template(
        "enrolment/not_you.html",
        wrong_person=reason == "wrong_person",
        cancelled=reason == "cancelled",
        enter_url=links.path_of(invitation),
        reference=reference,
    )
    return Response(html, 403, mimetype="text/html")
