"""What is fuzzed: every reader of text that strangers write, each as a function of bytes.

A target may refuse its input in the way its reader documents. Any other exception is a finding, and so is an
answer that breaks the property the target states. Needs none of the fuzzing tools: ``test_corpus`` replays
what they found.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from portal.http.answers import Answer
from portal.idv import names, values
from portal.idv.requested import ClaimsRefused, read_claims
from portal.oidc import claims_request, parameters
from portal.okta import events_reading
from portal.okta_api import limits
from portal.okta_api.errors import RateLimited
from portal.users import details
from portal.verifeye import results, returns
from portal.verifeye.errors import UnreadableResult
from tests.fuzz import portal_under_fuzz

Target = Callable[[bytes], None]
TARGETS: dict[str, Target] = {}


def target(function: Target) -> Target:
    """Add ``function`` to the targets under its own name."""
    TARGETS[function.__name__] = function
    return function


@target
def parameters_of_a_form(data: bytes) -> None:
    """OIDC's parameters: whatever is kept is clean (JSON may be indented) and within its length."""
    try:
        found = parameters._read(data)
    except parameters.Unreadable:
        return
    assert len(found.values) <= parameters.MOST_PARAMETERS
    for name in found.values:
        value = found.get(name)
        if value is not None:
            assert parameters.is_clean(value) or (name in parameters._JSON and parameters._is_storable(value))
            assert len(value) <= parameters.LONGEST.get(name, parameters.LONGEST_VALUE)


@target
def claims_parameter(data: bytes) -> None:
    """The ``claims`` parameter, and what is read out of it."""
    try:
        found = claims_request.read(_text(data))
    except claims_request.ClaimsUnreadable:
        return
    for place in ("id_token", "userinfo"):
        assert claims_request.asked(found, place) <= set(claims_request.REQUESTABLE)
    claims_request.demanded_subject(found)
    claims_request.demanded_acr(found)


@target
def verified_claims(data: bytes) -> None:
    """Identity assurance: the ``verified_claims`` that Okta asks for."""
    try:
        read_claims(_text(data))
    except ClaimsRefused:
        return


@target
def verifeye_return(data: bytes) -> None:
    """VerifEye's return: what is read is what was written, one way only."""
    try:
        found = returns.read_return(data)
    except returns.ReturnRefused:
        return
    assert found.raw.encode("ascii") == data
    assert len(set(map(str.lower, found.names))) == len(found.names)
    assert [part.partition("=")[0] for part in found.raw.split("&")] == list(found.names)


@target
def verifeye_result(data: bytes) -> None:
    """VerifEye's result: only a document that says "passed" somewhere may pass."""
    document = _json(data)
    try:
        result = results.parse_result(document)
    except UnreadableResult:
        return
    refusal = results.acceptable(
        result, required=frozenset({results.Verifier.LIVENESS}), session_id="s", external_id="e",
        configuration_id="c", state="t",
    )  # fmt: skip
    if refusal is None:
        assert "passed" in json.dumps(document).lower()


@target
def okta_events(data: bytes) -> None:
    """The body of an event hook: what is kept fits where it is kept."""
    try:
        found, unreadable = events_reading.body(data)
    except events_reading.Unreadable:
        return
    assert unreadable >= 0
    for event in found:
        assert 0 < len(event.uuid) <= 64
        assert len(event.event_type) <= 128
        assert len(event.people) <= events_reading.MOST_PEOPLE
        assert event.published <= datetime(9999, 1, 1, tzinfo=UTC)


@target
def names_alike(data: bytes) -> None:
    """Names: comparing is the same from both sides, and a name is like itself."""
    left, right = _pair(data)
    for kind in names.NameKind:
        there, back = names.compare_names(left, right, kind), names.compare_names(right, left, kind)
        assert abs(there.score - back.score) < 1e-9, (left, right, kind)


@target
def values_alike(data: bytes) -> None:
    """Every other value: the same from both sides."""
    left, right = _pair(data)
    for compare in (
        values.same_text, values.same_date, values.same_email, values.same_phone, values.same_street,
        values.same_place, values.same_region, values.same_postal_code, values.same_country,
    ):  # fmt: skip
        assert compare(left, right) == compare(right, left), (compare.__name__, left, right)


@target
def details_of_a_person(data: bytes) -> None:
    """The directory's fields: what is taken in is taken in again as it is."""
    document = _json(data)
    given = document if isinstance(document, dict) else {}
    if not all(_is_as_read(name, value) for name, value in given.items()):
        return  # the callers' readers let nothing else through
    try:
        found = details.cleaned({name: value for name, value in given.items() if name in details.NAMES})
    except ValueError:
        return
    assert details.cleaned(found) == found


@target
def okta_rate_headers(data: bytes) -> None:
    """Okta's rate-limit headers: whatever they say, nobody waits for ever."""
    given = (_text(data).split("\n") + [""] * 5)[:5]
    names_ = ("x-rate-limit-limit", "x-rate-limit-remaining", "x-rate-limit-reset", "date", "retry-after")
    headers = {name: value for name, value in zip(names_, given, strict=True) if value}
    for status in (200, 429):
        assert 0 <= _waited(Answer(status, headers, b"")) <= 24 * 3600


@target
def request_object(data: bytes) -> None:
    """A request object that is signed well and says anything; or is no such thing."""
    portal_under_fuzz.request_object(data)


@target
def step_link(data: bytes) -> None:
    """A signed link of a journey's step, by whoever made it."""
    portal_under_fuzz.step_link(_text(data))


@target
def scim_request(data: bytes) -> None:
    """A SCIM request: method, address and body are all the fuzzer's."""
    portal_under_fuzz.scim(data)


def _waited(answer: Answer) -> float:
    try:
        limits.RateLimits(share=0.5).note("bucket", answer)
    except RateLimited as limited:
        return limited.seconds
    return 0


def _is_as_read(name: str, value: Any) -> bool:
    if name == "address" and value is not None:
        return isinstance(value, dict) and all(
            part is None or isinstance(part, str) for part in value.values()
        )
    return value is None or isinstance(value, str)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape" if len(data) % 7 == 0 else "replace")


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _pair(data: bytes) -> tuple[str, str]:
    """Two texts of honest length: the callers bound them before they compare."""
    left, _, right = data.decode("utf-8", "replace").partition("\n")
    return left[:200], right[:200]
