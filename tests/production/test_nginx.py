"""The nginx example in front of the portal under gunicorn: the very file, with ports and paths of a test."""

import http.client
import json
import re
import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.production import serving
from tests.production.front import EXAMPLE, NAME, made_for_this_machine, make_certificate
from tests.production.processes import free_port, listens, running, wait_until
from tests.production.test_gunicorn import configuration  # noqa: F401 - a fixture
from tests.support import machine
from tests.support.databases import Database

METRICS_TOKEN = "test-only-metrics-token"
#: The limit in nginx of what the portal itself takes there.
LIMITS = {
    "/": "max_request_bytes",
    "/scim/": "scim_max_request_bytes",
    "= /okta/events": "okta_events_max_bytes",
}


@dataclass(frozen=True)
class Front:
    """A running nginx: its ports, its folder with the logs, and its certificate."""

    port: int
    plain_port: int
    folder: Path
    watched_port: int = 0

    def connect(self, name: str | None = NAME, port: int | None = None) -> ssl.SSLSocket:
        """Open a TLS connection that asks for ``name``."""
        context = ssl.create_default_context(cafile=self.folder / "certificate.pem")
        context.check_hostname = False
        plain = socket.create_connection(("127.0.0.1", port or self.port), timeout=20)
        try:
            return context.wrap_socket(plain, server_hostname=name)
        except BaseException:
            plain.close()
            raise

    def ask(
        self,
        method: str,
        target: str,
        *,
        host: str = NAME,
        port: int | None = None,
        body: bytes = b"",
        **headers: str,
    ) -> http.client.HTTPResponse:
        """Make a request; the answer is read already."""
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20)
        connection.sock = self.connect(port=port)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, target, body or None, {"Host": host, **given})
            response = connection.getresponse()
            response.body = response.read()
            return response
        finally:
            connection.close()

    def logged(self) -> str:
        """Return everything that nginx has written down."""
        return "".join(path.read_text() for path in sorted(self.folder.glob("portal*.log")))


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """nginx in front of a portal that has tables and a key."""
    nginx = machine.program("nginx", "/usr/sbin/nginx") or machine.missing("there is no nginx")
    folder = tmp_path_factory.mktemp("nginx")
    make_certificate(folder)
    database = Database("sqlite", f"sqlite:///{folder}/portal.sqlite3")
    settings = {
        "PORTAL_ISSUER": f"https://{NAME}", "PORTAL_TRUSTED_PROXIES": "1",
        "PORTAL_RATE_LIMIT_AUTHORIZE": "5 per hour", "WEB_CONCURRENCY": "1",
        "PORTAL_METRICS_TOKEN": METRICS_TOKEN,
    }  # fmt: skip
    serving.prepare(database, **settings)
    front = Front(free_port(), free_port(), folder, watched_port=free_port())
    with serving.gunicorn(database, folder, **settings) as (_, portal):
        frame = made_for_this_machine(
            folder, front.port, front.plain_port, f"unix:{portal}", watched_port=front.watched_port
        )
        subprocess.run([nginx, "-t", "-p", folder, "-c", frame], check=True, capture_output=True)
        with running([nginx, "-p", str(folder), "-c", str(frame)], folder / "nginx.out"):
            wait_until(lambda: listens(("127.0.0.1", front.port)), "nginx")
            yield front


def test_a_visitor_reaches_the_portal_as_https(front: Front) -> None:
    response = front.ask("GET", "/.well-known/openid-configuration")
    assert response.status == 200
    assert json.loads(response.body)["issuer"] == f"https://{NAME}"
    assert response.headers["Strict-Transport-Security"]
    assert front.ask("GET", "/readyz").status == 200
    assert "/" not in response.headers["Server"], "the server tells its version"


def test_plain_http_leads_to_https_at_our_own_name(front: Front) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", front.plain_port, timeout=20)
    connection.request("GET", "/v1/openid/authorize?a=b", headers={"Host": NAME})
    response = connection.getresponse()
    assert (response.status, response.headers["Location"]) == (308, f"https://{NAME}/v1/openid/authorize?a=b")
    connection.close()


@pytest.mark.parametrize(
    "path",
    [
        "/v1/openid/token",
        "/oauth2/token",
        "/oauth2/par",
        "/scim/v2/Users",
        "/okta/events",
        "/verifeye/webhook",
    ],
)
def test_a_program_that_speaks_plain_http_is_refused_and_not_led_on(front: Front, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", front.plain_port, timeout=20)
    connection.request("POST", path, body="client_secret=in-the-clear", headers={"Host": NAME})
    response = connection.getresponse()
    assert (response.status, response.headers["Location"]) == (403, None)
    connection.close()


@pytest.mark.parametrize("host", ["evil.example", "", "127.0.0.1", f"{NAME}.evil.example"])
def test_another_host_is_not_served(front: Front, host: str) -> None:
    with pytest.raises((http.client.RemoteDisconnected, AssertionError)):
        assert front.ask("GET", "/healthz", host=host).status == 200


def test_another_name_gets_no_certificate(front: Front) -> None:
    with pytest.raises(ssl.SSLError):
        front.connect("evil.example").close()


def test_what_a_visitor_forwards_is_not_believed(front: Front) -> None:
    forged = {"X_Forwarded_Proto": "http", "X_Forwarded_Host": "evil.example", "X_Forwarded_Port": "99"}
    response = front.ask("GET", "/healthz", **forged)
    assert response.headers["Strict-Transport-Security"]
    assert front.ask("GET", "/healthz", X_Forwarded_Ssl="off", Forwarded="for=9.9.9.9").status == 200
    # Whoever could choose the address that is counted would never meet a limit.
    statuses = [
        front.ask("GET", "/v1/openid/authorize", X_Forwarded_For=f"203.0.113.{number}").status
        for number in range(6)
    ]
    assert statuses == [400] * 5 + [429]


@pytest.mark.parametrize(
    ("target", "size", "too_large"),
    [
        ("/v1/openid/token", 200_000, False),
        ("/v1/openid/token", 300_000, True),
        ("/scim/v2/Users", 5_000_000, False),
        ("/scim/v2/Users", 6_400_000, True),
        ("/okta/events", 1_000_000, False),
        ("/okta/events", 1_100_000, True),
    ],
)
def test_bodies_may_be_as_large_as_the_portal_takes_them(
    front: Front, target: str, size: int, too_large: bool
) -> None:
    try:
        response = front.ask("POST", target, body=b"a" * size, Content_Type="application/json")
    except (BrokenPipeError, ConnectionResetError):
        assert too_large  # nginx closes while we still write
        return
    assert (response.status == 413) is too_large
    assert response.status < 500


def test_the_limits_are_those_of_the_settings(configuration: dict) -> None:  # noqa: F811 - the fixture
    held = configuration["_configured"]
    text = EXAMPLE.read_text()
    for place, setting in LIMITS.items():
        start = text.index(f"location {place} {{") if place != "/" else text.index("client_max_body_size")
        size = text[text.index("client_max_body_size", start) :].split(";")[0].split()[1]
        unit = {"k": 1024, "m": 1024**2}[size[-1]]
        assert int(size[:-1]) * unit == getattr(held, setting), place


def test_nginx_waits_longer_than_gunicorn(configuration: dict) -> None:  # noqa: F811 - the fixture
    waits = EXAMPLE.read_text().split("proxy_read_timeout ")[1].split("s;")[0]
    assert int(waits) > configuration["graceful_timeout"]


def test_no_log_holds_a_query_string(front: Front) -> None:
    front.ask("GET", "/v1/openid/verify-result?state=hidden-state&reSignature=hidden-signature")
    wait_until(lambda: "/v1/openid/verify-result" in front.logged(), "the line")
    assert "hidden" not in front.logged()
    lines = [json.loads(line) for line in (front.folder / "portal.log").read_text().splitlines()]
    assert lines[-1]["path"] == "/v1/openid/verify-result"
    assert lines[-1]["request_id"]
    assert lines[-1]["address"] == "127.0.0.1"


def test_metrics_are_not_public(front: Front) -> None:
    response = front.ask("GET", "/metrics", Authorization=f"Bearer {METRICS_TOKEN}")
    assert response.status == 404


def test_prometheus_reads_this_machine_at_a_port_of_its_own(front: Front) -> None:
    # Prometheus names in Host what it has in `targets`, and that is no name of the portal's.
    asked = {"host": "portal-1.example.com:9443", "port": front.watched_port}
    told = front.ask("GET", "/metrics", Authorization=f"Bearer {METRICS_TOKEN}", **asked)
    assert told.status == 200
    assert "portal_http_request_seconds" in told.body.decode()
    assert front.ask("GET", "/metrics", **asked).status == 401
    assert front.ask("GET", "/readyz", **asked).status == 404


def test_the_port_for_prometheus_is_not_open_to_other_machines_as_it_comes() -> None:
    listening = re.findall(r"^\s*listen (\S+?)( .*)?;", EXAMPLE.read_text(), re.MULTILINE)
    (watched,) = [place for place, _ in listening if place.endswith(":9443")]
    assert watched == "127.0.0.1:9443"


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /readyz HTTP/1.1\r\n\r\n",
        b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_a_message_with_two_meanings_is_refused(front: Front, framing: bytes) -> None:
    with front.connect() as connection:
        connection.sendall(b"POST /v1/openid/token HTTP/1.1\r\nHost: " + NAME.encode() + b"\r\n" + framing)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    assert answer.split()[1] in (b"400", b"501")
    assert answer.count(b"HTTP/1.1 ") == 1


def test_a_portal_that_is_away_is_answered_for(front: Front, tmp_path: Path) -> None:
    nginx = machine.program("nginx", "/usr/sbin/nginx")
    for name in ("certificate.pem", "key.pem"):
        (tmp_path / name).write_bytes((front.folder / name).read_bytes())
    lonely = Front(free_port(), free_port(), tmp_path)
    frame = made_for_this_machine(tmp_path, lonely.port, lonely.plain_port, f"unix:{tmp_path}/nobody.sock")
    with running([nginx, "-p", str(tmp_path), "-c", str(frame)], tmp_path / "nginx.out"):
        wait_until(lambda: listens(("127.0.0.1", lonely.port)), "nginx")
        response = lonely.ask("GET", "/v1/openid/authorize?code=hidden-code")
    assert response.status == 503
    assert response.headers["Retry-After"] == "10"
    # Without it a browser takes the page for Windows' letters, and shows "Weâ€™ll".
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "We’ll be back in a moment" in response.body.decode()
    assert "hidden" not in lonely.logged()
