"""A client assertion's ``jti`` counts once (RFC 7523 section 3, item 7)."""

from sqlalchemy import func, select

from portal import clock as portal_clock
from portal.extensions import db
from portal.grants import assertions
from portal.models import ClientAssertion


def use(client="client", jti="jti", seconds=300):
    return assertions.use(client, jti, expires_at=portal_clock.after(seconds))


def test_an_assertion_is_used_once(context):
    assert use()
    assert not use()
    db.session.commit()
    assert not use()


def test_clients_do_not_use_up_each_others_identifiers(context):
    assert use("one", "same")
    assert use("two", "same")


def test_the_line_between_client_and_identifier_cannot_be_shifted(context):
    assert use("client", "a")
    assert use("clien", "ta")


def test_a_refused_use_leaves_the_transaction_usable(context):
    assert use("client", "first")
    assert not use("client", "first")
    assert use("client", "second")
    db.session.commit()
    assert db.session.scalar(select(func.count()).select_from(ClientAssertion)) == 2


def test_expired_identifiers_are_forgotten_and_live_ones_kept(context, clock):
    use(jti="short", seconds=10)
    use(jti="long", seconds=1000)
    clock.advance(11)
    assert assertions.prune() == 1
    assert not use(jti="long")
    assert use(jti="short")


def test_a_use_in_a_transaction_that_was_rolled_back_never_was(context):
    assert use()
    db.session.rollback()
    assert use()
