"""The secrets of event hooks: digests only, two at once, compared without telling anything."""

import pytest

from portal.connections import hook_secrets
from portal.extensions import db
from portal.models import OktaHookSecret


def test_a_secret_is_known_until_it_is_revoked_and_its_successor_overlaps(context):
    first, one = hook_secrets.add()
    _, two = hook_secrets.add()
    db.session.commit()
    assert hook_secrets.is_known(one)
    assert hook_secrets.is_known(two)
    with pytest.raises(hook_secrets.TooManySecrets):
        hook_secrets.add()
    assert hook_secrets.revoke(first.id) is True
    assert hook_secrets.revoke(first.id) is False
    assert not hook_secrets.is_known(one)
    assert hook_secrets.is_known(two)
    hook_secrets.add()


def test_only_a_digest_is_kept(context):
    _, secret = hook_secrets.add()
    db.session.commit()
    row = db.session.execute(db.select(OktaHookSecret.__table__)).one()
    assert secret not in str(row)


@pytest.mark.parametrize("value", ["", "hook_", "\ud800", "x" * 100_000, "Bearer \x00", "ümläut"])
def test_anything_else_is_unknown_and_no_error(context, value):
    hook_secrets.add()
    assert not hook_secrets.is_known(value)


def test_without_a_secret_nobody_is_known(context):
    assert not hook_secrets.is_known("")
    assert not hook_secrets.is_known("anything at all, really")


def test_a_secret_may_be_chosen_outside_with_a_scheme_of_its_own(context):
    hook_secrets.add("Basic dXNlcjpwYXNzd29yZC1vZi0xNg==")
    assert hook_secrets.is_known("Basic dXNlcjpwYXNzd29yZC1vZi0xNg==")
    assert not hook_secrets.is_known("basic dXNlcjpwYXNzd29yZC1vZi0xNg==")


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "short",
        "a" * 40,
        "line\nbreak of sixteen",
        " leading space 123",
        "ümlaut-ümlaut-äöü",
        "x1y2z3w4" * 100,
    ],
)
def test_a_chosen_secret_must_be_strong_and_fit_a_header(context, secret):
    with pytest.raises(ValueError, match="secret"):
        hook_secrets.add(secret)


def test_a_revoked_secret_is_not_taken_again(context):
    row, secret = hook_secrets.add()
    hook_secrets.revoke(row.id)
    with pytest.raises(ValueError, match="known already"):
        hook_secrets.add(secret)


def test_the_last_use_is_noted_once_a_minute(context, clock):
    row, secret = hook_secrets.add()
    db.session.commit()
    noted = []
    for _ in range(5):
        hook_secrets.is_known(secret)
        db.session.commit()
        db.session.refresh(row)
        noted.append(row.last_used_at)
        clock.advance(25)
    assert len(set(noted)) == 2
