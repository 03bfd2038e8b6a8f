"""A configuration is read once in two seconds by whoever only looks at it, at once where it was changed."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError

import pytest
from flask import Flask

from portal.extensions import db, vault
from portal.models import VerificationConfiguration
from portal.verifications import registry
from tests.support import factories
from tests.support.moving_clock import MovingClock


@pytest.fixture
def configuration(context: Flask) -> VerificationConfiguration:
    return factories.verification_configuration()


def test_it_says_what_the_record_says_and_cannot_be_changed(configuration: VerificationConfiguration) -> None:
    view = registry.remembered(configuration.id)
    assert view is not None
    for name in ("id", "region", "service_url", "api_url", "match_mode", "sign_locally", "face_ids_stable"):
        assert getattr(view, name) == getattr(configuration, name)
    assert registry.required_verifiers(view) == registry.required_verifiers(configuration)
    with pytest.raises(FrozenInstanceError):
        view.region = "us"  # type: ignore[misc]
    assert configuration.api_key_sealed not in repr(view)


def test_what_another_process_changes_counts_after_a_moment(
    configuration: VerificationConfiguration, clock: MovingClock
) -> None:
    first = registry.remembered(configuration.id)
    configuration.removed_at = clock.now()  # as another process does it: nothing here is told
    db.session.flush()
    assert registry.remembered(configuration.id) is first
    clock.advance(registry.REFRESH_SECONDS)
    assert registry.remembered(configuration.id) is None


def test_a_clock_that_is_set_back_makes_nothing_last(
    configuration: VerificationConfiguration, clock: MovingClock
) -> None:
    registry.remembered(configuration.id)
    configuration.removed_at = clock.now()
    db.session.flush()
    clock.advance(-3600)
    assert registry.remembered(configuration.id) is None


_CHANGES: dict[str, Callable[[VerificationConfiguration], object]] = {
    "removed": registry.remove,
    "another key": lambda row: registry.replace_key(row, "another-key", checked=False),
    "faces keep their names": registry.note_lasting_faces,
    "an order learnt": lambda row: registry.note_order(row, ("state", "reSignature"), "one"),
    "an order forgotten": registry.forget_order,
}


@pytest.mark.parametrize("change", _CHANGES.values(), ids=_CHANGES.keys())
def test_what_is_changed_here_counts_at_once(
    configuration: VerificationConfiguration, change: Callable[[VerificationConfiguration], object]
) -> None:
    before = registry.remembered(configuration.id)
    change(configuration)
    after = registry.remembered(configuration.id)
    assert after is not before
    assert (after is None) == (configuration.removed_at is not None)


@pytest.mark.parametrize(("end", "counts"), [("commit", True), ("rollback", False)])
def test_what_another_request_read_before_the_commit_is_forgotten_with_it(
    context: Flask, configuration: VerificationConfiguration, end: str, counts: bool
) -> None:
    registry.remove(configuration)
    with context.app_context():
        assert registry.remembered(configuration.id) is not None, "it is not removed yet"
    getattr(db.session, end)()
    assert (registry.remembered(configuration.id) is None) is counts


def test_a_commit_that_changes_no_configuration_lets_them_be_remembered(
    configuration: VerificationConfiguration,
) -> None:
    first = registry.remembered(configuration.id)
    db.session.commit()
    assert registry.remembered(configuration.id) is first


def test_one_that_does_not_exist_is_asked_for_again(context: Flask) -> None:
    assert registry.remembered("11111111-2222-4333-8444-555555555555") is None
    made = factories.verification_configuration()
    assert registry.remembered(made.id) is not None


def test_the_client_is_kept_with_the_view_and_has_the_new_key_at_once(
    configuration: VerificationConfiguration,
) -> None:
    view = registry.remembered(configuration.id)
    assert view is not None
    client = registry.client_for(view)
    assert registry.client_for(view) is client
    registry.replace_key(configuration, "another-key", checked=False)
    fresh = registry.remembered(configuration.id)
    assert fresh is not None
    assert vault().unseal(fresh.api_key_sealed) == "another-key"
    assert registry.client_for(fresh) is not client
    assert registry.client_for(view) is not registry.client_for(fresh)
