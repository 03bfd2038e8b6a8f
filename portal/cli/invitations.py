"""``flask user invite``, ``enrolments`` and ``invitation``: asking people to enrol, and how far they are."""

from collections.abc import Iterator
from typing import Any

import click
from sqlalchemy import select

from portal import mail
from portal.cli import common, user
from portal.connections import registry as connections
from portal.enrolment import links
from portal.extensions import db, settings
from portal.models import Invitation, ScimGroup, ScimMember, User
from portal.okta_api.errors import OktaError
from portal.users import directory, invitations, status
from portal.users.invitations import NotInvited
from portal.users.status import Standing
from portal.web import okta_sign_in

_HOW = "operator"
_BATCH = 100


@user.group.command("invite")
@click.argument("people", nargs=-1, metavar="PERSON...")
@click.option(
    "--all-unenrolled", is_flag=True, help="Everybody who is neither enrolled, invited nor suspended."
)
@click.option(
    "--group", "group_name", metavar="NAME", help="The members of a group that SCIM pushed, or of Okta's."
)
@click.option(
    "--resend", is_flag=True, help="Send an invitation that is out once more; the link stays the same."
)
@click.option(
    "--link", "as_link", is_flag=True, help="Print the link instead of mailing it, to hand it over."
)
@common.json_option
def invite(
    people: tuple[str, ...],
    all_unenrolled: bool,
    group_name: str | None,
    resend: bool,
    as_link: bool,
    as_json: bool,
) -> None:
    """Invite each PERSON to enrol their face, by mail.

    Invitations and mails are committed a batch at a time, so a run that was stopped can simply be begun
    again: whoever is invited already is left alone.
    """
    if sum((bool(people), all_unenrolled, group_name is not None)) != 1:
        common.fail("Name people, or --all-unenrolled, or --group NAME.")
    _require_ready(as_link)
    chosen = _named(people) if people else _unenrolled() if group_name is None else _members(group_name)
    results = _invite_all(list(chosen), resend=resend, as_link=as_link, quiet=as_json)
    _report(results, as_json=as_json, as_link=as_link)


@user.group.command("enrolments")
@click.option("--state", type=click.Choice([standing.value for standing in Standing]), help="Only these.")
@common.json_option
def enrolments(state: str | None, as_json: bool) -> None:
    """Show how far everybody is: unenrolled, invited, enrolled or suspended."""
    verification_id = _verification_or_none()
    only = Standing(state) if state else None
    rows = [(person, standing) for person, standing in status.everybody(verification_id, only=only)]
    sent = _latest_invitations()
    if as_json:
        common.print_json([_described(person, standing, sent.get(person.id)) for person, standing in rows])
        return
    if not rows:
        click.echo("There is nobody." if state is None else f"Nobody is {state}.")
        return
    common.print_table(
        ("LOGIN", "STATE", "E-MAIL", "INVITED", "SENT", "REMINDERS", "LINK GOOD UNTIL"),
        [
            (
                person.login,
                standing.value,
                person.email,
                invitation and invitation.created_at,
                invitation and invitation.sent_at,
                invitation and invitation.reminders,
                invitation.expires_at if invitation and invitation.ended_at is None else None,
            )
            for person, standing in rows
            for invitation in (sent.get(person.id),)
        ],
    )


group = common.Group("invitation", help="Invitations that are out.")
user.group.add_command(group)


@group.command("revoke")
@click.argument("person")
def revoke(person: str) -> None:
    """Take the invitation of PERSON back: its link enrols nobody any more, not even who has begun by it."""
    found = user.living(person)
    ended = invitations.revoke(found)
    common.commit()
    click.echo(
        f"Took the invitation of {found.login} back." if ended else f"{found.login} has no open invitation."
    )


def _require_ready(as_link: bool) -> None:
    """End the command where no invitation could be used, or none could be sent."""
    try:
        invitations.chosen_verification()
    except NotInvited as reason:
        common.fail(reason.sentence)
    if okta_sign_in.connection() is None and not settings().enrolment_link_alone:
        common.fail(
            "Nobody could enrol by an invitation yet: set up sign-in with Okta (`flask okta connect`), or "
            "allow the link alone (setting enrolment_link_alone)."
        )
    if not as_link and not mail.is_on():
        common.fail("Mail is switched off (setting mail_transport); --link prints links to hand over.")


def _named(people: tuple[str, ...]) -> list[User]:
    return [user.living(person) for person in people]


def _unenrolled() -> Iterator[User]:
    for person, _ in status.everybody(_verification_or_none(), only=Standing.UNENROLLED):
        yield person


def _members(name: str) -> Iterator[User]:
    """Yield the people of a group: one that SCIM pushed, or else one of Okta's."""
    found = db.session.scalar(select(ScimGroup).where(ScimGroup.display_key == directory.account_key(name)))
    if found is not None:
        yield from db.session.scalars(
            select(User)
            .join(ScimMember, ScimMember.user_id == User.id)
            .where(ScimMember.group_id == found.id)
            .order_by(User.created_at, User.id)
        )
        return
    connection = connections.current()
    if connection is None:
        common.fail(f"There is no group {name}: SCIM pushed none of that name, and Okta is not connected.")
    try:
        api = connections.api_for(connection, patience=60)
        group = api.find_group(name)
        members = [one.id for one in api.every_member(group.id)] if group is not None else None
    except OktaError as error:
        common.fail(f"Okta did not say who is in the group: {error}")
    if members is None:
        common.fail(f"There is no group {name}: neither SCIM nor Okta knows one of that name or id.")
    for okta_id in members:
        if (person := db.session.scalar(select(User).where(User.okta_id == okta_id))) is not None:
            yield person


def _invite_all(
    people: list[User], *, resend: bool, as_link: bool, quiet: bool
) -> list[tuple[User, Invitation | None, str]]:
    """Invite ``people``, commit a batch at a time, and tell how far it is where that takes a while."""
    ids = [person.id for person in people]
    results: list[tuple[User, Invitation | None, str]] = []
    for number, user_id in enumerate(ids, 1):
        person = db.session.get_one(User, user_id)
        try:
            made = invitations.invite(person, how=_HOW, again=resend, mail=not as_link)
        except NotInvited as reason:
            results.append((person, None, reason.sentence))
        else:
            results.append((person, made, "invited"))
        if number % _BATCH == 0:
            common.commit()
            if not quiet:
                click.echo(f"{number} of {len(ids)} …", err=True)
    common.commit()
    return results


def _report(results: list[tuple[User, Invitation | None, str]], *, as_json: bool, as_link: bool) -> None:
    if as_json:
        common.print_json([_result(*result, as_link=as_link) for result in results])
        return
    for person, invitation, sentence in results:
        if invitation is None:
            click.echo(sentence)
        elif as_link:
            click.echo(links.url_of(invitation))
        else:
            click.echo(f"Invited {person.login}; the mail is on its way.")
    invited = sum(invitation is not None for _, invitation, _ in results)
    if len(results) != 1:
        click.echo(f"{invited} invited, {len(results) - invited} left alone.", err=as_link)


def _result(person: User, invitation: Invitation | None, sentence: str, *, as_link: bool) -> dict[str, Any]:
    return {
        "id": person.id,
        "login": person.login,
        "invited": invitation is not None,
        "reason": None if invitation is not None else sentence,
        "expires_at": invitation and invitation.expires_at,
        "link": links.url_of(invitation) if invitation is not None and as_link else None,
    }


def _described(person: User, standing: Standing, invitation: Invitation | None) -> dict[str, Any]:
    return {
        "id": person.id,
        "login": person.login,
        "email": person.email,
        "state": standing.value,
        "invitation": None
        if invitation is None
        else {
            "created_at": invitation.created_at,
            "how": invitation.how,
            "sent_at": invitation.sent_at,
            "begun_at": invitation.begun_at,
            "expires_at": invitation.expires_at,
            "ended_at": invitation.ended_at,
            "ended_as": invitation.ended_as,
            "reminders": invitation.reminders,
            "next_reminder_at": invitation.next_reminder_at,
        },
    }


def _latest_invitations() -> dict[str, Invitation]:
    """Return everybody's latest invitation."""
    rows = db.session.scalars(select(Invitation).order_by(Invitation.created_at, Invitation.id))
    return {row.user_id: row for row in rows}


def _verification_or_none() -> str | None:
    """Return where people enrol; where that is not clear, what they did at any verification counts."""
    try:
        return invitations.chosen_verification()
    except NotInvited:
        return None
