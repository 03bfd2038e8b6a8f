"""The checks of ``flask doctor`` that ask other servers: VerifEye, and the portal at its own address."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from portal import clock
from portal.cli.findings import Finding, ok, problem, warning
from portal.credentials import UnsealError
from portal.extensions import settings
from portal.http import Outbound, OutboundError
from portal.models import VerificationConfiguration
from portal.verifeye.errors import VerifEyeError, VerifEyeRefused
from portal.verifications import registry

_KEEP_TIME = "Okta refuses tokens from a clock that is off; keep it with NTP (chrony, systemd-timesyncd)"
#: Seven digits behind the point, as .NET writes them, are more than Python reads.
_FRACTION = re.compile(r"\.(\d{1,6})\d*")


def verifeye() -> Iterator[Finding]:
    """Ask each configuration's Service API whether it is there, takes the key, and what time it is."""
    for row in registry.every():
        yield from _one_configuration(row)


def own_address() -> Iterator[Finding]:
    """Call the portal at its issuer, as a client would: through DNS, TLS and every proxy in front."""
    base = settings().issuer
    outbound = Outbound(connect_timeout=3.0, read_timeout=5.0, retries=0)
    try:
        ready = outbound.get(f"{base}/readyz")
        metadata = outbound.get(f"{base}/.well-known/openid-configuration")
    except OutboundError as error:
        yield warning(
            "own address",
            f"{base} cannot be reached from here: {error}",
            "see that the portal runs and that DNS, TLS and the proxy lead to it; from inside a network "
            "it may be unreachable and still right",
        )
        return
    if ready.status == 200:
        yield ok("own address", f"{base} is ready")
    else:
        yield problem(
            "own address",
            f"{base}/readyz answers {ready.status}",
            "see what it names as failing; something other than the portal may answer there",
        )
    yield from _metadata(base, metadata.status, metadata.body)
    if base.startswith("https://") and "strict-transport-security" not in ready.headers:
        yield problem(
            "proxy headers",
            "the portal does not know that it is reached over https",
            "let the proxy set X-Forwarded-Proto, and set trusted_proxies to the number of proxies",
        )
    elif base.startswith("https://"):
        yield ok("proxy headers", "the portal sees that it is reached over https")


def _one_configuration(row: VerificationConfiguration) -> Iterator[Finding]:
    subject = f"VerifEye {row.id}"
    try:
        client = registry.client_for(row)
        client.healthz()
    except UnsealError:
        return  # the check of stored secrets has said so
    except VerifEyeError as error:
        yield problem(
            subject,
            f"its Service API {row.api_url} cannot be used: {error}",
            "see that this machine may call it (firewall, DNS), and that region or addresses are right",
        )
        return
    try:
        told = client.check_key()
    except VerifEyeRefused as error:
        yield problem(
            subject,
            f"it is there and does not take the API key: {error}",
            "compare the key with VerifEye's console; then `flask verification key` takes the right one",
        )
        return
    except VerifEyeError as error:
        yield problem(
            subject, f"it is there and does not answer orders: {error}", "try again in some minutes"
        )
        return
    yield ok(subject, f"{row.api_url} answers and takes the API key")
    yield from _clock(told)


def _clock(told: str) -> Iterator[Finding]:
    try:
        theirs = datetime.fromisoformat(_FRACTION.sub(r".\1", told))
    except ValueError:
        yield warning("clock", "VerifEye told a time that cannot be read", "compare the clock by hand")
        return
    if theirs.tzinfo is None:
        theirs = theirs.replace(tzinfo=UTC)
    off = abs(theirs - clock.now())
    seconds = f"{off.total_seconds():.0f} seconds"
    if off > timedelta(seconds=settings().clock_skew):
        yield problem("clock", f"it differs by {seconds} from VerifEye's", _KEEP_TIME)
    elif off > timedelta(seconds=max(settings().id_token_backdate, 2)):
        yield warning("clock", f"it differs by {seconds} from VerifEye's", _KEEP_TIME)
    else:
        yield ok("clock", f"it differs by {seconds} from VerifEye's")


def _metadata(base: str, status: int, body: bytes) -> Iterator[Finding]:
    expected = f'"issuer":"{base}"'.encode()
    if status != 200:
        yield problem(
            "discovery",
            f"{base}/.well-known/openid-configuration answers {status}",
            "let the proxy pass every path on to the portal",
        )
    elif expected not in body.replace(b" ", b"").replace(b"\\/", b"/"):
        yield problem(
            "discovery",
            f"it names another issuer than {base}",
            "another portal answers there, or this one runs with other settings: compare PORTAL_ISSUER",
        )
    else:
        yield ok("discovery", f"it names the issuer {base}")
