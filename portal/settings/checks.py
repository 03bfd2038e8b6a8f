"""What is refused at start: values that are malformed, out of bounds, or unsafe in production."""

import base64
import re
from email.utils import parseaddr
from ipaddress import ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from portal.settings.notices import notice
from portal.settings.rates import parsed
from portal.settings.values import Settings, SettingsError

#: Published with the source: good for loopback, refused anywhere else.
_PUBLISHED_KEY_MARKS = ("demo-only-", "test-only-")
_PUBLISHED_ENCRYPTION_KEYS = (
    "ZGVtby1vbmx5LWVuY3J5cHRpb24ta2V5LTAwMDAwMDA=",
    "dGVzdC1vbmx5LWVuY3J5cHRpb24ta2V5LTAwMDAwMDA=",
)
_ADDRESS = re.compile(r"[^\s@<>,;\x00-\x1f]+@[^\s@<>,;\x00-\x1f]+")
#: A name as DNS has it (an international one in its form xn--…), or an IP address.
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")
_RATE_LIMIT_STORAGES = ("memory://", "redis://", "rediss://", "redis+unix://")


def is_loopback(host: str | None) -> bool:
    """Say whether ``host`` (a name or an IP address) is this machine's loopback."""
    if not host:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check(settings: Settings) -> None:
    """Raise :class:`SettingsError` for the first value that the portal must not run with."""
    if settings.environment not in ("production", "demo", "test"):
        raise SettingsError("The setting 'environment' must be production, demo or test.")
    _check_issuer(settings)
    if not settings.database_url:
        raise SettingsError("The setting 'database_url' (PORTAL_DATABASE_URL) is missing.")
    if not settings.secret_key:
        raise SettingsError(
            "The setting 'secret_key' (PORTAL_SECRET_KEY) is missing: a random text of 32 characters or more."
        )
    if not settings.encryption_key:
        raise SettingsError(
            "The setting 'encryption_key' (PORTAL_ENCRYPTION_KEY) is missing; make one with "
            "`python -c 'from portal.credentials import new_encryption_key; print(new_encryption_key())'`."
        )
    if not all(_is_encryption_key(key) for key in settings.encryption_key):
        raise SettingsError(
            "The setting 'encryption_key' (PORTAL_ENCRYPTION_KEY) must be 32 random bytes in URL-safe "
            "base64; make one with `flask --app wsgi keys encryption-key`."
        )
    _check_numbers(settings)
    for name in ("privacy_url", "terms_url", "audit_webhook_url"):
        if _split(getattr(settings, name)) is None:
            raise SettingsError(f"The setting {name!r} is no address.")
    _check_mail(settings)
    for name in ("privacy_text", "terms_text"):
        notice(settings, name)
    if settings.production:
        _check_production(settings)


def _is_host(text: str) -> bool:
    try:
        return bool(text.encode("idna")) and text.isprintable() and " " not in text
    except UnicodeError:
        return False


def _is_encryption_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, altchars=b"-_", validate=True)) == 32
    except ValueError:
        return False


def _split(url: str) -> SplitResult | None:
    """Return the parts of an address, ``None`` for what cannot be one."""
    try:
        parts = urlsplit(url)
        return parts if parts.port is None or parts.port else None
    except ValueError:
        return None


def _check_issuer(settings: Settings) -> None:
    parts = _split(settings.issuer)
    if (
        parts is None
        or not _HOST.fullmatch(parts.hostname or "")
        or parts.path
        or parts.query
        or parts.fragment
        or parts.username
    ):
        raise SettingsError(
            "The setting 'issuer' (PORTAL_ISSUER) must be the portal's public address without a path, "
            "such as https://verify.example.com; an international name in its form xn--…."
        )
    if parts.scheme == "https":
        return
    if parts.scheme == "http" and settings.allow_http_loopback and is_loopback(parts.hostname):
        return
    raise SettingsError(
        "The setting 'issuer' (PORTAL_ISSUER) must begin with https://; plain http is for loopback "
        "in demo and test."
    )


def _check_numbers(settings: Settings) -> None:
    limits = {
        "journey_lifetime": (600, 86400), "request_uri_lifetime": (10, 600), "code_lifetime": (10, 60),
        "access_token_lifetime": (30, 86400),
        "id_token_lifetime": (30, 86400), "id_token_backdate": (0, 60), "clock_skew": (0, 60),
        "capture_link_lifetime": (60, 604800), "capture_attempts": (1, 10), "key_publish_ahead": (0, 2592000),
        "trusted_proxies": (0, 5), "max_request_bytes": (16384, 16777216),
        "scim_max_request_bytes": (16384, 67108864),
        "verifeye_connect_timeout": (0.1, 30), "verifeye_read_timeout": (0.1, 30),
        "okta_connect_timeout": (0.1, 30), "okta_read_timeout": (0.1, 30), "okta_rate_share": (0.05, 1),
        "okta_events_max_bytes": (65536, 16777216), "okta_reconcile_seconds": (0, 604800),
        "okta_reconcile_removals": (0.01, 1), "okta_erase_after_days": (0, 3650),
        "verifeye_breaker_failures": (1, 100),
        "verifeye_breaker_seconds": (1, 3600), "retention_journeys": (1, 3650), "retention_audit": (1, 3650),
        "smtp_port": (1, 65535), "smtp_timeout": (0.1, 15),
        "invitation_lifetime": (3600, 7776000), "invitation_reminder_first": (1, 365),
        "invitation_reminder_every": (1, 365), "invitation_reminders": (0, 20),
        "outbox_at_once": (1, 100), "face_deletion_after_days": (0, 3650),
        "database_pool_size": (1, 100), "database_max_overflow": (0, 100),
        "database_statement_timeout": (1, 600), "database_lock_timeout": (0.1, 60),
        "database_idle_timeout": (1, 3600),
    }  # fmt: skip
    for name, (lowest, highest) in limits.items():
        if not lowest <= getattr(settings, name) <= highest:
            raise SettingsError(f"The setting {name!r} must lie between {lowest} and {highest}.")
    if not settings.rate_limit_storage.startswith(_RATE_LIMIT_STORAGES):
        raise SettingsError(
            "The setting 'rate_limit_storage' must be memory:// or the address of a Redis (redis://…)."
        )
    for name, rate in vars(settings).items():
        if name.startswith("rate_limit_") and name != "rate_limit_storage":
            _check_rate(name, rate)
    for address in settings.trusted_proxy_addresses:
        if not _is_network(address):
            raise SettingsError(
                f"The setting 'trusted_proxy_addresses' must hold addresses and networks, not {address!r}."
            )
    if settings.sqlite_synchronous not in ("FULL", "NORMAL", "OFF"):
        raise SettingsError("The setting 'sqlite_synchronous' must be FULL, NORMAL or OFF.")
    if settings.log_level not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise SettingsError("The setting 'log_level' must be DEBUG, INFO, WARNING or ERROR.")
    if settings.log_format not in ("json", "text"):
        raise SettingsError("The setting 'log_format' must be json or text.")


def _check_rate(name: str, rate: str) -> None:
    try:
        parsed(rate)
    except ValueError:
        raise SettingsError(
            f"The setting {name!r} must say how often, as in '30 per minute' or '30 per minute; 500 per day',"
            f" not {rate!r}."
        ) from None


def _is_network(text: str) -> bool:
    try:
        return bool(ip_network(text))
    except ValueError:
        return False


def _check_mail(settings: Settings) -> None:
    if settings.mail_transport not in ("smtp", "folder", "off"):
        raise SettingsError("The setting 'mail_transport' must be smtp, folder or off.")
    if settings.mail_transport == "off":
        return
    for name in ("mail_from", "mail_reply_to"):
        text = getattr(settings, name)
        good = text.isprintable() and _ADDRESS.fullmatch(parseaddr(text)[1])
        if not good and (text or name == "mail_from"):
            raise SettingsError(f"The setting {name!r} must be an address, such as Acme <it@acme.example>.")
    if settings.mail_transport == "folder":
        if settings.production or not settings.mail_folder:
            raise SettingsError("The mail_transport 'folder' is for demo and test, and needs 'mail_folder'.")
        return
    if not settings.smtp_host:
        raise SettingsError("The setting 'smtp_host' (PORTAL_SMTP_HOST) is missing: mail_transport is smtp.")
    if not _is_host(settings.smtp_host):
        raise SettingsError("The setting 'smtp_host' (PORTAL_SMTP_HOST) is no name and no address.")
    for name in ("smtp_username", "smtp_password"):
        if not getattr(settings, name).isascii():
            raise SettingsError(
                f"The setting {name!r} must be ASCII: Python's SMTP client sends nothing else."
            )
    if settings.smtp_security not in ("starttls", "tls", "none"):
        raise SettingsError("The setting 'smtp_security' must be starttls, tls or none.")
    if settings.smtp_security == "none" and not is_loopback(settings.smtp_host):
        raise SettingsError("The setting 'smtp_security' may be none only for a mail server on this machine.")


def _check_production(settings: Settings) -> None:
    if settings.allow_http_loopback:
        raise SettingsError("The setting 'allow_http_loopback' is for demo and test; production refuses it.")
    if settings.allow_sandbox:
        raise SettingsError("The setting 'allow_sandbox' is for demo and test: the sandbox verifies nobody.")
    for key in settings.secret_key:
        if len(key) < 32 or key.startswith(_PUBLISHED_KEY_MARKS):
            raise SettingsError(
                "The setting 'secret_key' (PORTAL_SECRET_KEY) must be your own random text of 32 characters "
                "or more."
            )
    if set(settings.encryption_key) & set(_PUBLISHED_ENCRYPTION_KEYS):
        raise SettingsError(
            "The setting 'encryption_key' (PORTAL_ENCRYPTION_KEY) is published with the source; "
            "make your own."
        )
    if settings.sqlite_synchronous == "OFF":
        raise SettingsError(
            "The setting 'sqlite_synchronous' must be FULL or NORMAL in production: OFF loses data."
        )
