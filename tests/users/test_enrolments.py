"""The tie between a person and a face: candidate, provisional, confirmed, or gone with the face deleted."""

import pytest
from sqlalchemy import select

from portal.extensions import db
from portal.models import AuditEvent, Enrolment, EnrolmentState, OutboxMessage
from portal.users import enrolments
from tests.support import factories


@pytest.fixture
def tie(context):
    """A person and a configuration, not tied yet."""
    return factories.user(), factories.verification_configuration()


def prepare(tie):
    person, configuration = tie
    return enrolments.find_or_prepare(person.id, configuration.id)


def passed(enrolment, journey_id="j", face_id="f"):
    enrolments.passed(enrolment.id, journey_id=journey_id, reference="7KXM-2PQR", face_id=face_id)
    db.session.refresh(enrolment)


def face_deletions():
    messages = db.session.scalars(select(OutboxMessage).where(OutboxMessage.topic == enrolments.DELETE_FACE))
    return [message.payload for message in messages]


def test_a_candidate_is_an_identifier_and_counts_for_nothing(tie):
    candidate = prepare(tie)
    assert candidate.state == EnrolmentState.CANDIDATE
    assert not enrolments.is_confirmed(candidate)
    assert not enrolments.is_confirmed(None)
    assert len(candidate.external_id) == 40
    assert set(candidate.external_id) <= set("0123456789abcdef")


def test_the_identifier_stays_while_captures_fail(tie):
    assert prepare(tie).external_id == prepare(tie).external_id


def test_every_configuration_knows_the_person_under_another_identifier(tie):
    person, _ = tie
    other = factories.verification_configuration()
    one, two = prepare(tie), enrolments.find_or_prepare(person.id, other.id)
    assert one.external_id != two.external_id
    assert person.id not in one.external_id


def test_a_passed_capture_makes_it_provisional_and_a_redeemed_code_makes_it_count(tie):
    enrolment = prepare(tie)
    passed(enrolment)
    assert (enrolment.state, enrolment.journey_id, enrolment.face_id) == ("provisional", "j", "f")
    assert not enrolments.is_confirmed(enrolment)
    assert enrolments.confirm(enrolment.id, how="sign-in")
    db.session.refresh(enrolment)
    assert enrolments.is_confirmed(enrolment)
    assert enrolment.journey_id is None
    assert not enrolments.confirm(enrolment.id, how="sign-in")


def test_an_abandoned_enrolment_is_discarded_and_its_face_deleted(tie):
    person, configuration = tie
    enrolment = prepare(tie)
    passed(enrolment, "the journey", "the face")
    former = enrolment.external_id
    enrolments.discard_provisional("the journey")
    db.session.commit()
    assert enrolments.find(person.id, configuration.id) is None
    (deletion,) = face_deletions()
    assert (deletion["external_id"], deletion["face_id"]) == (former, "the face")
    assert prepare(tie).external_id != former, "whoever enrolled must not be matched later"


def test_another_journeys_end_discards_nothing(tie):
    person, configuration = tie
    enrolment = prepare(tie)
    passed(enrolment, "the journey")
    enrolments.discard_provisional("another journey")
    assert enrolments.find(person.id, configuration.id) is enrolment
    assert face_deletions() == []


def test_what_a_journey_that_was_removed_long_ago_left_behind_is_in_nobody_s_way(tie):
    enrolment = prepare(tie)
    former = enrolment.external_id
    passed(enrolment, "a removed journey", "the face")
    assert prepare(tie).external_id != former
    assert [deletion["external_id"] for deletion in face_deletions()] == [former]


def test_a_confirmed_enrolment_is_not_discarded_by_the_end_of_its_journey(tie):
    enrolment = prepare(tie)
    passed(enrolment, "the journey")
    enrolments.confirm(enrolment.id, how="sign-in")
    enrolments.discard_provisional("the journey")
    assert enrolments.is_confirmed(prepare(tie))
    assert face_deletions() == []


def test_a_confirmed_enrolment_does_not_become_provisional_again(tie):
    enrolment = prepare(tie)
    passed(enrolment)
    enrolments.confirm(enrolment.id, how="sign-in")
    passed(enrolment, "a later journey", "another face")
    assert (enrolment.state, enrolment.face_id) == ("confirmed", "f")


def test_what_was_discarded_cannot_be_confirmed(tie):
    enrolment = prepare(tie)
    enrolment_id = enrolment.id
    passed(enrolment, "j")
    enrolments.discard_provisional("j")
    assert not enrolments.confirm(enrolment_id, how="sign-in")


def test_an_operator_may_enrol_and_everything_of_a_person_can_be_discarded(tie):
    person, configuration = tie
    enrolments.enrol_by_operator(person, configuration.id)
    enrolments.enrol_by_operator(person, factories.verification_configuration().id)
    assert enrolments.is_confirmed(enrolments.find(person.id, configuration.id))
    enrolments.discard_all(person.id, reason="suspended")
    db.session.commit()
    assert db.session.scalars(select(Enrolment)).all() == []
    assert len(face_deletions()) == 2
    reasons = [
        event.fields["reason"]
        for event in db.session.scalars(select(AuditEvent).where(AuditEvent.event.endswith("discarded")))
    ]
    assert reasons == ["suspended", "suspended"]


def test_who_loses_the_race_to_insert_takes_the_other_ones_candidate(app, database, monkeypatch):
    with app.app_context():
        person, configuration = factories.user(), factories.verification_configuration()
        ids = person.id, configuration.id
        first = enrolments.find_or_prepare(*ids).id
        db.session.commit()
    real, answers = enrolments.find, [None]
    with app.app_context():
        # As if the look-up had happened a moment before the other tab's commit.
        monkeypatch.setattr(enrolments, "find", lambda *a: answers.pop() if answers else real(*a))
        assert enrolments.find_or_prepare(*ids).id == first
        db.session.commit()


def test_a_candidate_of_a_transaction_that_was_rolled_back_never_was(tie):
    person, configuration = tie
    prepare(tie)
    db.session.rollback()
    assert enrolments.find(person.id, configuration.id) is None
