import pytest

from portal.verifeye.errors import VerifEyeRefused


def stored(sandbox_server):
    return [face["external_id"] for face in sandbox_server.state()["faces"]]


def test_a_face_is_deleted_by_its_external_id(capture, client, sandbox_server):
    capture.returned(external_id="1" * 32, face="amara")
    capture.returned(external_id="2" * 32, face="bela")
    assert client.delete_face(external_id="1" * 32).startswith("sandbox-")
    assert stored(sandbox_server) == ["2" * 32]


def test_a_face_is_deleted_by_its_face_id(capture, client, sandbox_server):
    face_id = client.result(capture.returned().session_id).face_id
    client.delete_face(face_id=face_id)
    assert stored(sandbox_server) == []


def test_deleting_what_is_gone_succeeds(client):
    assert client.delete_face(external_id="1" * 32)


def test_after_deletion_the_identifier_is_enrolled_anew(capture, client):
    capture.returned(external_id="1" * 32, face="amara")
    client.delete_face(external_id="1" * 32)
    assert capture.returned(external_id="1" * 32, face="bela").claimed == "passed"


@pytest.mark.parametrize("status", [404, 405])
def test_a_service_that_does_not_offer_deletion_has_refused(client, sandbox_server, status):
    sandbox_server.next_answers(operation="face/delete", status=status)
    with pytest.raises(VerifEyeRefused, match="not offered"):
        client.delete_face(external_id="1" * 32)


def test_a_face_has_to_be_named(client):
    with pytest.raises(ValueError, match="external id"):
        client.delete_face()
