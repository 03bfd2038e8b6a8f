"""What a setting may be called and what type it has, and the one way in which all of them fail."""

from dataclasses import dataclass


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
    rate_limit_client: str
    rate_limit_secret_failures: str
    rate_limit_webhook: str
    rate_limit_okta_events: str
    rate_limit_scim: str
    rate_limit_new_link: str
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
    tracing: bool
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
