"""Links between steps: good for one journey, one step and one turn, and only as they were signed."""

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from itsdangerous import URLSafeTimedSerializer

from portal.extensions import db
from portal.journey import lifecycle, steps
from portal.journey.errors import JourneyExpired, LinkRefused, OutOfTurn
from portal.journey.steps import Step
from tests.support import factories, portal_app


@pytest.fixture
def journey(context):
    return factories.journey()


def parameter(link):
    return link.partition("link=")[2]


def link_of(app, journey, step=Step.CAPTURE):
    with app.test_request_context():
        return parameter(steps.link(journey, step))


def read(text, step=Step.CAPTURE):
    return steps.read_link({"link": text}, step)


def test_a_link_names_its_journey_and_turn(app, journey):
    found = read(link_of(app, journey))
    assert (found.journey.id, found.turn) == (journey.id, 0)
    steps.require_turn(found)


@pytest.mark.parametrize("step", Step)
@pytest.mark.parametrize("other", Step)
def test_a_link_is_good_for_its_own_step_only(app, journey, step, other):
    link = link_of(app, journey, step)
    if step is other:
        assert read(link, other).journey.id == journey.id
        return
    with pytest.raises(LinkRefused):
        read(link, other)


def test_a_link_is_out_of_turn_once_the_journey_has_moved_on(app, journey):
    link = link_of(app, journey)
    lifecycle.identify(journey, user_id=None, account="somebody")
    with pytest.raises(OutOfTurn):
        steps.require_turn(read(link))


def test_a_link_to_a_journey_that_was_removed_says_it_expired(app, journey):
    link = link_of(app, journey)
    db.session.delete(journey)
    db.session.commit()
    with pytest.raises(JourneyExpired):
        read(link)


def test_no_single_altered_character_is_accepted(app, journey):
    link = link_of(app, journey)
    for place in range(len(link)):
        # The last letter of the signature carries bits that mean nothing: A to D are one and the same.
        for letter in ("A" if link[place] not in "ABCD" else "Z", ""):
            altered = link[:place] + letter + link[place + 1 :]
            with pytest.raises(LinkRefused):
                read(altered)


@pytest.mark.parametrize("text", ["", "a", "..", "ÿ" * 20, "x" * 5000, "W10.aaaa.bbbb", "\x00", "null"])
def test_what_is_no_link_is_refused(journey, text):
    with pytest.raises(LinkRefused):
        read(text)


@pytest.mark.parametrize(
    "document", [None, 1, "text", [], ["one"], ["a", 1, 2], {"a": 1}, [["x"], 1], [1, 2]]
)
def test_a_signed_document_that_is_not_of_our_shape_is_refused(app, journey, document):
    key = app.config["SECRET_KEY"]
    signed = URLSafeTimedSerializer([key], salt=f"portal.step.{Step.CAPTURE.value}").dumps(document)
    with pytest.raises((LinkRefused, JourneyExpired)):
        read(signed)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=400))
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_no_text_at_all_breaks_the_reader(context, text):
    with pytest.raises(LinkRefused):
        read(text)


def test_a_link_signed_with_an_older_secret_key_is_good_while_that_key_is_listed(database):
    old, new = "old-" + "k" * 40, "new-" + "k" * 40
    with_old = portal_app.make_app(database, secret_key=[old])
    with with_old.app_context():
        link = link_of(with_old, factories.journey())
    with_both = portal_app.make_app(database, secret_key=[new, old])
    with with_both.app_context():
        journey = read(link).journey
        fresh = link_of(with_both, journey)
    with with_old.app_context(), pytest.raises(LinkRefused):
        read(fresh)
    with_new = portal_app.make_app(database, secret_key=[new])
    with with_new.app_context():
        assert read(fresh).journey.id == journey.id
        with pytest.raises(LinkRefused):
            read(link)
    for app in (with_old, with_both, with_new):
        portal_app.close(app)
