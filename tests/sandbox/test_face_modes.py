"""The five face modes, over HTTP, as the vendor documents them."""

import pytest

FIRST, SECOND = "1" * 32, "2" * 32


def face(page, who, external_id):
    return page.result(face=who, reExternalId=external_id).get("reFaceRecognitionResult")


def test_disabled_stores_nothing_and_reports_nothing(host, sandbox_server):
    result = host(face_mode="Disabled").result(reExternalId="-")
    assert result["reVerificationResult"] == "passed"
    assert "reFaceRecognitionResult" not in result
    assert "reFaceId" not in result
    assert sandbox_server.state()["faces"] == []


def test_calculation_only_stores_the_face_and_returns_its_id(host, sandbox_server):
    page = host(face_mode="CalculationOnly")
    first, again = (page.result(face="amara", reExternalId="-")["reFaceId"] for _ in range(2))
    assert first == again
    assert page.result(face="bela", reExternalId="-")["reFaceId"] != first
    assert len(sandbox_server.state()["faces"]) == 2


def test_duplicate_verification_passes_a_face_once(host):
    page = host(face_mode="DuplicateVerification")
    assert face(page, "amara", "-") == "passed"
    assert face(page, "amara", "-") == "failed"
    assert face(page, "bela", "-") == "passed"


@pytest.mark.parametrize("mode", ["UniqueMatchVerification", "MatchVerification"])
class TestBothMatchingModes:
    def test_enrol_an_identifier_never_seen_and_say_passed(self, host, sandbox_server, mode):
        assert face(host(face_mode=mode), "amara", FIRST) == "passed"
        (stored,) = sandbox_server.state()["faces"]
        assert (stored["who"], stored["external_id"]) == ("amara", FIRST)

    def test_pass_the_same_face_again_without_storing_it_twice(self, host, sandbox_server, mode):
        page = host(face_mode=mode)
        ids = [page.result(face="amara", reExternalId=FIRST)["reFaceId"] for _ in range(3)]
        assert len(set(ids)) == 1
        assert len(sandbox_server.state()["faces"]) == 1

    def test_fail_another_face_under_a_known_identifier(self, host, sandbox_server, mode):
        page = host(face_mode=mode)
        assert face(page, "amara", FIRST) == "passed"
        result = page.result(face="bela", reExternalId=FIRST)
        assert result["reFaceRecognitionResult"] == "failed"
        assert result["reVerificationResult"] == "failed"
        assert len(sandbox_server.state()["faces"]) == 1

    def test_need_an_external_id(self, host, mode):
        page = host(face_mode=mode)
        assert page.get(page.link(reExternalId="-")).status == 400


def test_unique_match_fails_a_face_known_under_another_identifier(host):
    page = host(face_mode="UniqueMatchVerification")
    assert face(page, "amara", FIRST) == "passed"
    assert face(page, "amara", SECOND) == "failed"


def test_match_passes_one_face_under_several_identifiers(host):
    page = host(face_mode="MatchVerification")
    assert face(page, "amara", FIRST) == "passed"
    assert face(page, "amara", SECOND) == "passed"


def test_somebody_new_is_somebody_else_every_time(host):
    page = host(face_mode="DuplicateVerification")
    assert [face(page, "somebody-new", "-") for _ in range(3)] == ["passed"] * 3


def test_collections_are_separate_unless_shared(host):
    mode = {"face_mode": "DuplicateVerification"}
    assert face(host(**mode), "amara", "-") == "passed"
    assert face(host(**mode, collection="ours"), "amara", "-") == "passed"
    assert face(host(**mode, collection="ours"), "amara", "-") == "failed"


def test_a_failed_liveness_stores_no_face(host, sandbox_server):
    host().result(outcome="liveness_fails")
    assert sandbox_server.state()["faces"] == []
