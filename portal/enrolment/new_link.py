"""A new link on the word of somebody who holds an old one.

The answer is the same for everybody: whether there is such a person, whether they may enrol and whether
they have asked too often is nobody's business who merely holds a link. The new one goes to the address on
record and is never shown.
"""

import logging

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from portal import credentials
from portal.audit.events import Event
from portal.audit.log import record
from portal.enrolment import links, standing
from portal.extensions import db
from portal.users import renewal
from portal.users.renewal import Outcome

_log = logging.getLogger(__name__)


def ask() -> Response | str:
    """Send a new link, if that may be (POST); say that it is on its way, if it is (GET)."""
    if request.method != "POST":
        return render_template("enrolment/new_link.html")
    invitation = links.read(request.args)
    if invitation is None:
        _log.info("a new link was asked for by one that is not ours")
    else:
        outcome = (
            renewal.renew(invitation, proof=standing.asks_for_proof())
            if standing.is_set_up()
            else Outcome.IMPOSSIBLE
        )
        record(
            Event.INVITATION_ASKED,
            reference=credentials.reference(),
            user_id=invitation.user_id,
            outcome=outcome.value,
        )
        db.session.commit()
    return redirect(url_for("enrolment.new_link"), 303)
