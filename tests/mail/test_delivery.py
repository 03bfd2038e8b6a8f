"""Mail that arrives, mail that is tried again, and mail that never will arrive: each with its sentence."""

import email
import socket
import ssl
from email import policy

import pytest

from portal import mail
from portal.outbox import OutboxFailure
from portal.settings import SettingsError
from tests.support import mail_server, portal_app

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def send(app, to="ada@acme.example", **context):
    with app.app_context():
        return mail.send(mail.compose("test", to, context, mail_id="0123456789abcdef"))


def failure(app, to="ada@acme.example"):
    with pytest.raises(OutboxFailure) as caught:
        send(app, to)
    assert caught.value.sentence.endswith(".")
    return caught.value


def test_a_mail_arrives_with_everything_a_mail_needs(portal, server):
    app = portal(smtp_port=server.port, mail_reply_to="help@acme.example")
    assert send(app) == "accepted by 127.0.0.1"
    (message,) = server.taken
    assert server.recipients == ["ada@acme.example"]
    assert message["From"] == "Acme sign-in <no-reply@acme.example>"
    assert message["Reply-To"] == "help@acme.example"
    assert message["Message-ID"] == "<0123456789abcdef@portal.test>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"]
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]


def test_the_same_mail_sent_twice_can_be_recognised(portal, server):
    app = portal(smtp_port=server.port)
    send(app)
    send(app)
    assert len({message["Message-ID"] for message in server.taken}) == 1


@pytest.mark.parametrize(
    ("moment", "reply", "final", "says"),
    [
        ("at_recipient", "450 mailbox busy", False, "the recipient just now (450)"),
        ("at_recipient", "550 no such person", True, "the recipient for good (550)"),
        ("at_recipient", "421 going down", False, "421"),
        ("at_data", "451 try later", False, "the mail just now (451)"),
        ("at_data", "554 looks like spam <script>", True, "the mail for good (554)"),
        ("at_sender", "451 later", False, "check mail_from"),
        ("at_sender", "550 who are you", False, "check mail_from"),
    ],
)
def test_a_reply_says_whether_to_try_again(portal, server, moment, reply, final, says):
    setattr(server, moment, reply)
    failed = failure(portal(smtp_port=server.port))
    assert (failed.final, says in failed.sentence) == (final, True), failed.sentence
    assert reply.partition(" ")[2] not in failed.sentence
    assert server.taken == []


def test_a_server_that_hangs_up_is_tried_again(portal, server):
    server.hangs_up = True
    failed = failure(portal(smtp_port=server.port))
    assert not failed.final
    server.hangs_up = False
    assert send(portal(smtp_port=server.port))


def test_a_server_that_is_slow_is_not_waited_for_for_ever(portal, server):
    server.slow = 1.5
    failed = failure(portal(smtp_port=server.port, smtp_timeout=0.3))
    assert (failed.final, "did not answer" in failed.sentence) == (False, True)


def test_a_server_that_is_not_there_is_tried_again(portal):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert not failure(portal(smtp_port=port)).final


def test_a_server_that_talks_nonsense_is_tried_again(portal):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)
        app = portal(smtp_port=listener.getsockname()[1], smtp_timeout=0.3)
        assert not failure(app).final


@pytest.mark.parametrize(
    "to", ["", "ada", "@acme.example", "ada@", "a@b\r\nBcc: c@d.example", "a b@acme.example"]
)
def test_an_address_that_is_none_is_given_up_at_once(portal, server, to):
    assert failure(portal(smtp_port=server.port), to).final
    assert server.taken == []


@pytest.mark.parametrize("to", ["ada@büro.example", "アダ@acme.example"])
def test_an_address_in_another_script_arrives(portal, server, to):
    send(portal(smtp_port=server.port), to)
    assert len(server.taken) == 1


# --- TLS --------------------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path):
    return mail_server.certificate(tmp_path)


@pytest.fixture
def context(certificate):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*certificate)
    return made


SIGNED_IN = {"smtp_username": mail_server.USERNAME, "smtp_password": mail_server.PASSWORD}


def test_starttls_with_a_password(portal, context, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with mail_server.running(context) as server:
        send(portal(smtp_port=server.port, smtp_security="starttls", **SIGNED_IN))
        assert len(server.taken) == 1


def test_a_wrong_password_names_the_settings_and_is_tried_again(portal, context, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with mail_server.running(context) as server:
        app = portal(
            smtp_port=server.port, smtp_security="starttls", smtp_username="portal", smtp_password="wrong-one"
        )
        failed = failure(app)
    assert ("smtp_password" in failed.sentence, failed.final) == (True, False)
    assert "wrong-one" not in failed.sentence


def test_tls_from_the_first_byte(portal, context, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with mail_server.running(context, implicit=True) as server:
        send(portal(smtp_port=server.port, smtp_security="tls"))
        assert len(server.taken) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_that_nobody_vouches_for_is_refused(portal, context, security):
    with mail_server.running(context, implicit=security == "tls") as server:
        failed = failure(portal(smtp_port=server.port, smtp_security=security))
        assert "No safe connection" in failed.sentence
        assert server.taken == []


def test_a_server_without_starttls_gets_no_mail(portal, server):
    failed = failure(portal(smtp_port=server.port, smtp_security="starttls"))
    assert "smtp_security" in failed.sentence
    assert server.taken == []


# --- Other transports, and settings -----------------------------------------------------------------


def test_a_folder_holds_each_mail_once(portal, tmp_path):
    app = portal(mail_transport="folder", mail_folder=str(tmp_path / "mails"))
    send(app)
    send(app)
    (file,) = (tmp_path / "mails").iterdir()
    assert file.suffix == ".eml"
    message = email.message_from_bytes(file.read_bytes(), policy=policy.default)
    assert message["Subject"] == "Test mail from the verification portal of Acme"


def test_mail_that_is_off_is_not_sent(portal):
    assert failure(portal(mail_transport="off")).final


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"mail_transport": "pigeon"}, "mail_transport"),
        ({"mail_from": ""}, "mail_from"),
        ({"mail_from": "Acme"}, "mail_from"),
        ({"mail_from": "Acme <a@b.example>\r\nBcc: x@y.example"}, "mail_from"),
        ({"mail_reply_to": "nobody"}, "mail_reply_to"),
        ({"smtp_host": ""}, "smtp_host"),
        ({"smtp_security": "ssl"}, "smtp_security"),
        ({"smtp_host": "mail.acme.example"}, "smtp_security"),
        ({"mail_transport": "folder"}, "mail_folder"),
        ({"smtp_timeout": 60.0}, "smtp_timeout"),
    ],
)
def test_a_setting_that_cannot_work_or_is_not_safe_stops_the_start(database, changes, names):
    with pytest.raises(SettingsError, match=names):
        portal_app.close(portal_app.make_app(database, **changes))
