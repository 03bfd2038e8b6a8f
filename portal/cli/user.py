"""``flask user``: the people in the directory."""

from collections.abc import Callable
from typing import Any, TypeVar

import click
from sqlalchemy import select

from portal import logs
from portal.cli import common
from portal.extensions import db
from portal.models import Enrolment, User, UserStatus
from portal.users import details, directory, enrolments, export, holds, okta_facts, status
from portal.verifications import registry

group = common.Group("user", help="Keep the people in the directory.")

_HOW = "operator"
_Function = TypeVar("_Function", bound=Callable[..., Any])

_DETAILS = (
    click.option("--email", metavar="ADDRESS", help="E-mail address."),
    click.option("--given-name", metavar="NAME", help="Given name."),
    click.option("--middle-name", metavar="NAME", help="Middle name."),
    click.option("--family-name", metavar="NAME", help="Family name."),
    click.option("--birthdate", metavar="YYYY-MM-DD", help="Date of birth."),
    click.option("--phone-number", metavar="NUMBER", help="Telephone number with its country code (+44...)."),
    click.option(
        "--address",
        "address",
        multiple=True,
        metavar="PART=VALUE",
        help=f"A part of the postal address: {', '.join(details.ADDRESS_PARTS)}; may be repeated.",
    ),
    click.option("--okta-id", metavar="ID", help="The id that Okta knows the person by (00u...)."),
)


def _with_details(function: _Function) -> _Function:
    """Add an option for each detail of a person."""
    for option in reversed(_DETAILS):
        function = option(function)
    return function


@group.command("add")
@click.argument("login")
@_with_details
@click.option(
    "--enrolled",
    is_flag=True,
    help="Take the person for enrolled at every verification configuration: VerifEye stores the next face "
    "that passes under this login.",
)
@common.json_option
def add(login: str, enrolled: bool, as_json: bool, **given: Any) -> None:
    """Add the person whose Okta login is LOGIN."""
    configurations = registry.every() if enrolled else []
    if enrolled and not configurations:
        common.fail("There is no verification configuration to be enrolled at; add one first.")
    try:
        user = directory.add(login, how=_HOW, **_given(given, {}))
    except directory.UserExists:
        common.fail(f"Somebody has the login {login.strip()} or that Okta id already.")
    except ValueError as error:
        common.fail(common.sentence_of(error))
    for configuration in configurations:
        enrolments.enrol_by_operator(user, configuration.id)
    okta_facts.apply_remembered(user, how="okta")
    common.commit()
    if as_json:
        common.print_json(described(user, with_enrolments=True))
        return
    click.echo(f"Added {user.login} under the id {user.id}.")
    for configuration in configurations:
        click.echo(f"Enrolled at {configuration.id}.")


@group.command("change")
@click.argument("person")
@click.option("--login", metavar="LOGIN", help="The Okta login, letter by letter.")
@_with_details
@common.json_option
def change(person: str, login: str | None, as_json: bool, **given: Any) -> None:
    """Change details of PERSON; what is not given stays, and an empty value removes (--middle-name "").

    Faces stay as they are. So say who it is with care: whoever has the face has the account that you name.
    With another login, what the person is in the middle of is refused, and codes and tokens are revoked.
    """
    user = living(person)
    try:
        changed = directory.change(user, how=_HOW, login=login, **_given(given, user.address or {}))
    except directory.UserExists:
        common.fail("Somebody else has that login or that Okta id already.")
    except ValueError as error:
        common.fail(common.sentence_of(error))
    if "okta_id" in changed:
        okta_facts.apply_remembered(user, how="okta")
    common.commit()
    if as_json:
        common.print_json(described(user, with_enrolments=True))
    elif changed:
        click.echo(f"Changed for {user.login}: {', '.join(name.replace('_', ' ') for name in changed)}.")
    else:
        click.echo(f"Nothing is different for {user.login}.")


@group.command("list")
@common.json_option
def list_all(as_json: bool) -> None:
    """List everybody, the erased ones as tombstones."""
    users = db.session.scalars(select(User).order_by(User.created_at, User.id)).all()
    standings = status.by_id()
    if as_json:
        common.print_json([described(user) | {"enrolment": standings.get(user.id)} for user in users])
    elif not users:
        click.echo("There is nobody yet; `flask user add` adds somebody.")
    else:
        common.print_table(
            ("ID", "LOGIN", "E-MAIL", "STATUS", "ENROLMENT", "ADDED"),
            [
                (user.id, user.login, user.email, user.status, standings.get(user.id), user.created_at)
                for user in users
            ],
        )


@group.command("show")
@click.argument("person")
@common.json_option
def show(person: str, as_json: bool) -> None:
    """Show PERSON: a login, an e-mail address, an Okta id or the portal's own id."""
    user = _found(person)
    if as_json:
        common.print_json(described(user, with_enrolments=True))
        return
    facts = described(user, with_enrolments=True)
    common.print_facts(
        [
            ("Id", user.id),
            ("Login", user.login),
            ("E-mail", user.email),
            ("Given name", user.given_name),
            ("Middle name", user.middle_name),
            ("Family name", user.family_name),
            ("Born", user.birthdate),
            ("Telephone", user.phone_number),
            ("Address", [f"{part}: {text}" for part, text in (user.address or {}).items()]),
            ("Okta id", user.okta_id),
            ("Status", user.status),
            ("Enrolment", facts["enrolment"]),
            ("Added", user.created_at),
            ("Changed", user.updated_at),
            (
                "Enrolments",
                [f"{item['verification_id']} {item['state']}" for item in facts["enrolments"]],
            ),
        ]
    )


@group.command("suspend")
@click.argument("person")
def suspend(person: str) -> None:
    """Take the factor away from PERSON; everything else stays as it was."""
    user = living(person)
    changed = holds.suspend(user, how=_HOW)
    common.commit()
    click.echo(f"{user.login} is suspended{'' if changed else ' already'}.")


@group.command("resume")
@click.argument("person")
def resume(person: str) -> None:
    """Give the factor back to PERSON, whom an operator had suspended; what Okta or SCIM holds back stays."""
    user = living(person)
    changed = holds.resume(user, how=_HOW)
    left = holds.reasons(user.id)
    common.commit()
    if left:
        said = "No operator holds it back any more" if changed else "No operator holds it back"
        click.echo(f"{said}, but the factor of {user.login} stays away: {', '.join(left)}.")
        return
    click.echo(f"{user.login} is active{'' if changed else ' already'}.")


@group.command("enrol")
@click.argument("person")
def enrol(person: str) -> None:
    """Count PERSON as enrolled at every verification: VerifEye keeps the next face that passes."""
    user = living(person)
    configurations = registry.every()
    if not configurations:
        common.fail("There is no verification configuration yet; `flask verification add` adds one.")
    for configuration in configurations:
        enrolments.enrol_by_operator(user, configuration.id)
    common.commit()
    click.echo(f"{user.login} is enrolled: the next face that passes is theirs.")


@group.command("unenrol")
@click.argument("person")
@common.yes_option
def unenrol(person: str, yes: bool) -> None:
    """Give up the enrolment of PERSON and have the faces deleted at VerifEye.

    For a face that was enrolled wrongly, or one that VerifEye has forgotten. What the person is in the
    middle of is refused, and codes and tokens that are out are revoked. The person is enrolled again by
    invitation, by `flask user enrol`, or as the client's policy has it.
    """
    user = living(person)
    common.confirm(f"Give up the enrolment of {user.login} and have the faces deleted?", yes=yes)
    enrolments.discard_all(user.id, reason="operator")
    common.commit()
    click.echo(f"{user.login} is not enrolled any more.")


@group.command("erase")
@click.argument("person")
@common.yes_option
def erase(person: str, yes: bool) -> None:
    """Remove what the portal knows of PERSON and have the faces deleted at VerifEye.

    Random ids stay, so that the audit log remains whole. Faces are deleted through the outbox; `flask
    outbox list` shows what could not be done.
    """
    user = _found(person)
    if user.status == UserStatus.ERASED:
        click.echo(f"{user.id} is erased already.")
        return
    common.confirm(f"Erase {user.login} and have the faces deleted? It cannot be undone.", yes=yes)
    known_to_okta = user.okta_id is not None
    directory.erase(user, how=_HOW)
    common.commit()
    click.echo(f"Erased; what stays is the id {user.id}.")
    if known_to_okta:
        click.echo(
            "If Okta still has them in the group or assigned by SCIM, they come back: remove them there too."
        )


@group.command("export")
@click.argument("person")
@click.option(
    "--output", metavar="FILE", help="Write to FILE, which only you may read, instead of the terminal."
)
def export_all(person: str, output: str | None) -> None:
    """Print everything that is held about PERSON, as JSON; for an erased person, what is left.

    No secret is in it, and no face: faces are at VerifEye alone.
    """
    user = _found(person)
    document = common.as_json(export.document(user.id))
    if output is None:
        click.echo(document)
        return
    common.write_private(output, document + "\n")
    click.echo(f"Wrote what is held about {user.login} to {logs.one_line(output)}.")


def described(user: User, *, with_enrolments: bool = False) -> dict[str, Any]:
    """Return what ``--json`` prints about a person."""
    document: dict[str, Any] = {
        "id": user.id,
        "login": user.login,
        "email": user.email,
        "given_name": user.given_name,
        "middle_name": user.middle_name,
        "family_name": user.family_name,
        "birthdate": user.birthdate,
        "phone_number": user.phone_number,
        "address": user.address,
        "okta_id": user.okta_id,
        "status": user.status,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
    }
    if with_enrolments:
        rows = db.session.scalars(
            select(Enrolment).where(Enrolment.user_id == user.id).order_by(Enrolment.created_at)
        )
        document["enrolment"] = status.of(user)
        document["enrolments"] = [
            {
                "verification_id": row.verification_id,
                "state": row.state,
                "external_id": row.external_id,
                "face_id": row.face_id,
                "created_at": row.created_at,
                "confirmed_at": row.confirmed_at,
            }
            for row in rows
        ]
    return document


def _found(person: str) -> User:
    user = directory.resolve(person)
    if user is None and "\x00" not in person:
        user = db.session.get(User, person.strip().lower())
    if user is None:
        common.fail(f"Nobody, or more than one person, is known as {person}; `flask user list` shows all.")
    return user


def living(person: str) -> User:
    """Return the person whom an operator named and who is not erased, or end the command with a sentence."""
    user = _found(person)
    if user.status == UserStatus.ERASED:
        common.fail(f"{user.id} is erased; a tombstone cannot be changed.")
    return user


def _given(options: dict[str, Any], address: dict[str, str]) -> dict[str, Any]:
    """Return the details that were given; parts of an address go into the ``address`` on record."""
    given = {name: value for name, value in options.items() if name != "address" and value is not None}
    if not options["address"]:
        return given
    parts: dict[str, str] = dict(address)
    for text in options["address"]:
        part, separator, value = text.partition("=")
        if not separator or part.strip() not in details.ADDRESS_PARTS:
            common.fail(
                "A part of an address is given as --address locality=London; "
                f"the parts are {', '.join(details.ADDRESS_PARTS)}."
            )
        parts[part.strip()] = value
    return given | {"address": parts}
