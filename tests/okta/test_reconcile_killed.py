"""The command is killed in the middle of putting people right; the next one goes on and nobody is lost."""

import os
import signal
import subprocess
import sys
from threading import Event

import pytest
from sqlalchemy import func, select

from portal import clock
from portal.extensions import db
from portal.models import AuditEvent, OktaReconciliation, User
from portal.okta import reconcile
from tests.okta.registration_scenes import connect
from tests.support.machine import TOP
from tests.support.small_okta import small_okta

PEOPLE = 60


def command(database):
    return subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "wsgi", "okta", "reconcile"],
        cwd=TOP,
        env=os.environ
        | {"PORTAL_CONFIG": str(TOP / "config" / "test.toml"), "PORTAL_DATABASE_URL": database.url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def count(column):
    db.session.rollback()
    return db.session.scalar(select(func.count(column)))


@pytest.fixture
def okta(context):
    with small_okta() as organisation:
        connect(organisation, group_id="00gFACTOR")
        organisation.groups["00gFACTOR"] = {"id": "00gFACTOR", "profile": {"name": "Verified Staff"}}
        organisation.page_size = 25
        for number in range(PEOPLE):
            organisation.person(f"00u{number:05d}", f"p{number}@acme.example")
        organisation.members["00gFACTOR"] = list(organisation.users)
        yield organisation


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_it_goes_on_where_it_was_killed(okta, database):
    with command(database) as process:
        until = clock.monotonic() + 60
        while count(User.id) < 20:
            assert clock.monotonic() < until
            assert process.poll() is None, process.stderr.read()
            Event().wait(0.05)  # the command needs the processor more than we do
        process.send_signal(signal.SIGKILL)
    done = count(User.id)
    assert 0 < done < PEOPLE
    asked = sum("members" in path or "users" in path for _, path in okta.calls)
    db.session.execute(db.update(OktaReconciliation).values(lease_until=clock.after(-1)))
    db.session.commit()
    with command(database) as process:
        assert process.wait(120) == 0, process.stderr.read()
    # The members were not read again, and everybody was added once.
    assert sum("members" in path or "users" in path for _, path in okta.calls) == asked
    added = select(func.count(AuditEvent.id)).where(AuditEvent.event == "users:user:added")
    assert (count(User.id), db.session.scalar(added)) == (PEOPLE, PEOPLE)
    assert reconcile.last().report["counts"]["members"] == PEOPLE
