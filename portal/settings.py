"""Settings: read once, checked once, never changed.

``config/default.toml`` is read first and documents every setting; the file named by ``PORTAL_CONFIG``
comes next, and environment variables ``PORTAL_<NAME>`` win. Production settings that would be unsafe
are refused at start with a sentence that names the setting: a portal that guards sign-ins does not
start with a warning.
"""

import base64
import os
import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, fields
from email.utils import parseaddr
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, get_type_hints
from urllib.parse import urlsplit

CONFIG_FOLDER = Path(__file__).resolve().parent.parent / "config"

#: Published with the source: good for loopback, refused anywhere else.
_PUBLISHED_KEY_MARKS = ("demo-only-", "test-only-")
_PUBLISHED_ENCRYPTION_KEYS = (
    "ZGVtby1vbmx5LWVuY3J5cHRpb24ta2V5LTAwMDAwMDA=",
    "dGVzdC1vbmx5LWVuY3J5cHRpb24ta2V5LTAwMDAwMDA=",
)
_ADDRESS = re.compile(r"[^\s@<>,;\x00-\x1f]+@[^\s@<>,;\x00-\x1f]+")
_LONGEST_NOTICE = 65_536
_RATE_LIMIT_STORAGES = ("memory://", "redis://", "rediss://", "redis+unix://")
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


class SettingsError(Exception):
    """A setting is missing, malformed or unsafe; the message is a sentence that names it."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting of ``config/default.toml``, which says what each one means."""

    environment: str
    issuer: str
    organisation: str
    support_contact: str
    logo: str
    privacy_url: str
    terms_url: str
    privacy_text: str
    terms_text: str
    secret_key: tuple[str, ...]
    encryption_key: tuple[str, ...]
    database_url: str
    sqlite_synchronous: str
    database_pool_size: int
    database_max_overflow: int
    database_statement_timeout: float
    database_lock_timeout: float
    database_idle_timeout: float
    trusted_proxies: int
    trusted_proxy_addresses: tuple[str, ...]
    max_request_bytes: int
    scim_max_request_bytes: int
    rate_limit_storage: str
    rate_limit_authorize: str
    rate_limit_pages: str
    rate_limit_identify: str
    rate_limit_identify_per_account: str
    rate_limit_token: str
    rate_limit_secret_failures: str
    rate_limit_webhook: str
    rate_limit_okta_events: str
    rate_limit_scim: str
    journey_lifetime: int
    request_uri_lifetime: int
    code_lifetime: int
    access_token_lifetime: int
    id_token_lifetime: int
    id_token_backdate: int
    clock_skew: int
    capture_link_lifetime: int
    capture_attempts: int
    key_publish_ahead: int
    workforce_verification: str
    invite_on_arrival: bool
    invitation_lifetime: int
    invitation_reminder_first: int
    invitation_reminder_every: int
    invitation_reminders: int
    enrolment_link_alone: bool
    mail_transport: str
    mail_from: str
    mail_reply_to: str
    mail_folder: str
    smtp_host: str
    smtp_port: int
    smtp_security: str
    smtp_username: str
    smtp_password: str
    smtp_timeout: float
    verifeye_connect_timeout: float
    verifeye_read_timeout: float
    verifeye_breaker_failures: int
    verifeye_breaker_seconds: int
    verifeye_face_deletion: bool
    face_deletion_after_days: int
    outbox_at_once: int
    okta_connect_timeout: float
    okta_read_timeout: float
    okta_rate_share: float
    okta_events_max_bytes: int
    okta_reconcile_seconds: int
    okta_reconcile_removals: float
    okta_erase_after_days: int
    retention_journeys: int
    retention_audit: int
    metrics_token: str
    metrics_addresses: tuple[str, ...]
    audit_webhook_url: str
    audit_webhook_authorization: str
    audit_syslog: str
    log_level: str
    log_format: str
    allow_http_loopback: bool
    allow_sandbox: bool

    @property
    def production(self) -> bool:
        """Whether this is a production installation."""
        return self.environment == "production"

    @property
    def secure_cookies(self) -> bool:
        """Whether cookies carry ``Secure`` and the ``__Host-`` prefix: wherever the portal is https."""
        return self.issuer.startswith("https://")


def load(environ: Mapping[str, str] = os.environ, **overrides: Any) -> Settings:
    """Return the settings of this process.

    ``overrides`` (tests) come last. Raises :class:`SettingsError` for a name that is not a setting, a
    value of the wrong type, or a value that the environment does not permit.
    """
    values = _read(CONFIG_FOLDER / "default.toml")
    if path := environ.get("PORTAL_CONFIG"):
        values |= _read(Path(path))
    types = get_type_hints(Settings)
    names = {field.name for field in fields(Settings)}
    for variable, text in environ.items():
        name = variable.removeprefix("PORTAL_").lower()
        if variable.startswith("PORTAL_") and name in names:
            values[name] = _from_text(name, text, types[name])
    values |= overrides
    if unknown := set(values) - names:
        raise SettingsError(
            f"There is no setting named {min(unknown)!r}; config/default.toml lists them all."
        )
    settings = Settings(**{name: _typed(name, value, types[name]) for name, value in values.items()})
    _check(settings)
    return settings


def notice(settings: Settings, name: str) -> str | None:
    """Return the organisation's own text of the setting ``name``, ``None`` if there is none.

    Raises :class:`SettingsError` for a file that cannot be shown.
    """
    path: str = getattr(settings, name)
    if not path:
        return None
    try:
        with (CONFIG_FOLDER.parent / path).open("rb") as file:
            content = file.read(_LONGEST_NOTICE + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a file name"
        raise SettingsError(f"The file of the setting {name!r} cannot be read: {path} ({reason}).") from error
    if len(content) > _LONGEST_NOTICE:
        raise SettingsError(
            f"The file of the setting {name!r} is longer than {_LONGEST_NOTICE} bytes: {path}."
        )
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise SettingsError(f"The file of the setting {name!r} is not UTF-8 text: {path}.") from error
    if any(unicodedata.category(letter) == "Cc" and letter not in "\n\t" for letter in text):
        raise SettingsError(f"The file of the setting {name!r} has control characters in it: {path}.")
    if not text.strip():
        raise SettingsError(f"The file of the setting {name!r} is empty: {path}.")
    return text


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


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise SettingsError(f"The settings file {path} cannot be read: {error.strerror}.") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"The settings file {path} is not valid TOML: {error}.") from error


def _from_text(name: str, text: str, wanted: Any) -> Any:
    if wanted is bool:
        if text.lower() not in _TRUE + _FALSE:
            raise SettingsError(f"PORTAL_{name.upper()} must be true or false.")
        return text.lower() in _TRUE
    if wanted in (int, float):
        try:
            return wanted(text)
        except ValueError:
            raise SettingsError(f"PORTAL_{name.upper()} must be a number.") from None
    if wanted is str:
        return text
    return [part.strip() for part in text.split(",") if part.strip()]


def _typed(name: str, value: Any, wanted: Any) -> Any:
    if wanted == tuple[str, ...]:
        items = [value] if isinstance(value, str) else value
        if isinstance(items, list | tuple) and all(isinstance(item, str) for item in items):
            return tuple(items)
        raise SettingsError(f"The setting {name!r} must be a list of strings.")
    if wanted is float and isinstance(value, int):
        return float(value)
    if type(value) is not wanted:
        raise SettingsError(f"The setting {name!r} must be of type {wanted.__name__}.")
    return value


def _check(settings: Settings) -> None:
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
    _check_mail(settings)
    for name in ("privacy_text", "terms_text"):
        notice(settings, name)
    if settings.production:
        _check_production(settings)


def _is_encryption_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, altchars=b"-_", validate=True)) == 32
    except ValueError:
        return False


def _check_issuer(settings: Settings) -> None:
    parts = urlsplit(settings.issuer)
    if (
        not settings.issuer
        or not parts.hostname
        or parts.path
        or parts.query
        or parts.fragment
        or parts.username
    ):
        raise SettingsError(
            "The setting 'issuer' (PORTAL_ISSUER) must be the portal's public address without a path, "
            "such as https://verify.example.com."
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
