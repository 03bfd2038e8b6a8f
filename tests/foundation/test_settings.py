"""Settings are refused at start, with a sentence that names the setting."""

import pytest

from portal.app import create_app
from portal.settings import CONFIG_FOLDER, SettingsError, is_loopback, load

GOOD = {
    "PORTAL_ISSUER": "https://verify.example.com",
    "PORTAL_SECRET_KEY": "a-random-text-of-more-than-32-characters",
    "PORTAL_ENCRYPTION_KEY": "c29tZS1rZXktb2YtMzItYnl0ZXMtZm9yLXRoZS10ZXM=",
    "PORTAL_DATABASE_URL": "postgresql+psycopg://portal@localhost/portal",
}

MAIL = {"PORTAL_MAIL_TRANSPORT": "smtp", "PORTAL_MAIL_FROM": "a@acme.example"}


def refused(environ, **overrides):
    with pytest.raises(SettingsError) as caught:
        load(GOOD | environ, **overrides)
    return str(caught.value)


def test_a_production_installation_needs_four_settings():
    settings = load(GOOD)
    assert settings.production
    assert settings.secure_cookies
    assert settings.secret_key == ("a-random-text-of-more-than-32-characters",)


@pytest.mark.parametrize("name", GOOD)
def test_each_of_the_four_is_missed_by_name(name):
    assert name in refused({name: ""}) or name.removeprefix("PORTAL_").lower() in refused({name: ""})


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"PORTAL_ISSUER": "http://verify.example.com"}, "issuer"),
        ({"PORTAL_ISSUER": "http://localhost:8080"}, "issuer"),
        ({"PORTAL_ISSUER": "https://verify.example.com/portal"}, "issuer"),
        ({"PORTAL_ISSUER": "https://verify.example.com/"}, "issuer"),
        ({"PORTAL_ISSUER": "https://user@verify.example.com"}, "issuer"),
        ({"PORTAL_ISSUER": "https://verify.example.com?x=1"}, "issuer"),
        ({"PORTAL_ISSUER": "verify.example.com"}, "issuer"),
        ({"PORTAL_ISSUER": "https://["}, "issuer"),
        ({"PORTAL_ISSUER": "https://prüfung.example"}, "issuer"),
        ({"PORTAL_ISSUER": "https://verify .example"}, "issuer"),
        ({"PORTAL_ISSUER": "https://verify.example:99999"}, "issuer"),
        ({"PORTAL_AUDIT_WEBHOOK_URL": "https://["}, "audit_webhook_url"),
        ({"PORTAL_SUPPORT_CONTACT": "help\udcff"}, "PORTAL_SUPPORT_CONTACT"),
        (MAIL | {"PORTAL_SMTP_HOST": "mail.example", "PORTAL_SMTP_PASSWORD": "pässword"}, "smtp_password"),
        (MAIL | {"PORTAL_SMTP_HOST": f"{'a' * 64}.example"}, "smtp_host"),
        ({"PORTAL_SECRET_KEY": "too short"}, "secret_key"),
        ({"PORTAL_SECRET_KEY": "demo-only-secret-key-published-with-the-source"}, "secret_key"),
        ({"PORTAL_SECRET_KEY": "a-random-text-of-more-than-32-characters,short"}, "secret_key"),
        ({"PORTAL_ENCRYPTION_KEY": "ZGVtby1vbmx5LWVuY3J5cHRpb24ta2V5LTAwMDAwMDA="}, "encryption_key"),
        ({"PORTAL_ALLOW_HTTP_LOOPBACK": "true"}, "allow_http_loopback"),
        ({"PORTAL_ALLOW_SANDBOX": "true"}, "allow_sandbox"),
        ({"PORTAL_SQLITE_SYNCHRONOUS": "OFF"}, "sqlite_synchronous"),
        ({"PORTAL_ENVIRONMENT": "staging"}, "environment"),
        ({"PORTAL_CODE_LIFETIME": "600"}, "code_lifetime"),
        ({"PORTAL_JOURNEY_LIFETIME": "60"}, "journey_lifetime"),
        ({"PORTAL_TRUSTED_PROXIES": "-1"}, "trusted_proxies"),
        ({"PORTAL_TRUSTED_PROXIES": "one"}, "PORTAL_TRUSTED_PROXIES"),
        ({"PORTAL_ALLOW_SANDBOX": "maybe"}, "PORTAL_ALLOW_SANDBOX"),
        ({"PORTAL_VERIFEYE_READ_TIMEOUT": "nan"}, "verifeye_read_timeout"),
        ({"PORTAL_VERIFEYE_READ_TIMEOUT": "inf"}, "verifeye_read_timeout"),
        ({"PORTAL_RATE_LIMIT_TOKEN": "30 per minnute"}, "rate_limit_token"),
        ({"PORTAL_RATE_LIMIT_SECRET_FAILURES": ""}, "rate_limit_secret_failures"),
        ({"PORTAL_LOG_LEVEL": "LOUD"}, "log_level"),
        ({"PORTAL_LOG_FORMAT": "xml"}, "log_format"),
        ({"PORTAL_CONFIG": "/nowhere/portal.toml"}, "/nowhere/portal.toml"),
    ],
)
def test_what_is_unsafe_or_malformed_is_refused_by_name(environ, named):
    assert named in refused(environ)


def test_a_refusal_never_repeats_a_secret():
    for name in ("PORTAL_SECRET_KEY", "PORTAL_ENCRYPTION_KEY"):
        assert "hunter2" not in refused({name: "hunter2"})


def test_a_malformed_encryption_key_is_refused_at_start():
    assert "encryption_key" in refused({"PORTAL_ENCRYPTION_KEY": "not a fernet key"})


def test_a_file_that_is_no_text_is_refused(tmp_path):
    file = tmp_path / "portal.toml"
    file.write_bytes(b'organisation = "\xff"')
    assert str(file) in refused({"PORTAL_CONFIG": str(file)})


@pytest.mark.parametrize(
    "issuer",
    [
        "https://verify.example.com",
        "https://verify.example.com:8443",
        "https://[2001:db8::1]",
        "https://xn--e1a.example",
    ],
)
def test_issuers_that_are_addresses_are_taken(issuer):
    assert load(GOOD | {"PORTAL_ISSUER": issuer}).issuer == issuer


def test_a_name_that_is_no_setting_is_refused(tmp_path):
    file = tmp_path / "portal.toml"
    file.write_text('isuer = "https://verify.example.com"')
    assert "isuer" in refused({"PORTAL_CONFIG": str(file)})


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ('trusted_proxies = "1"', "trusted_proxies"),
        ("secret_key = 1", "secret_key"),
        ("allow_sandbox = 1", "allow_sandbox"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(tmp_path, line, named):
    file = tmp_path / "portal.toml"
    file.write_text(line)
    environ = {name: value for name, value in GOOD.items() if name != "PORTAL_SECRET_KEY"}
    with pytest.raises(SettingsError, match=named):
        load(environ | {"PORTAL_CONFIG": str(file)})


def test_a_file_that_is_not_toml_is_refused(tmp_path):
    file = tmp_path / "portal.toml"
    file.write_text("issuer = ")
    assert "not valid TOML" in refused({"PORTAL_CONFIG": str(file)})


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(tmp_path):
    file = tmp_path / "portal.toml"
    file.write_text('organisation = "From the file"\njourney_lifetime = 1200\n')
    settings = load(GOOD | {"PORTAL_CONFIG": str(file), "PORTAL_ORGANISATION": "From outside"})
    assert settings.organisation == "From outside"
    assert (settings.journey_lifetime, settings.code_lifetime) == (1200, 60)


def test_several_keys_are_given_with_commas_between_them():
    newest, older = "n" * 20 + "-first-of-two", "o" * 20 + "-second-of-two"
    assert load(GOOD | {"PORTAL_SECRET_KEY": f"{newest}, {older}"}).secret_key == (newest, older)


@pytest.mark.parametrize("file", ["demo.toml", "test.toml"])
def test_the_files_of_demo_and_test_load_as_they_are(file):
    assert not load({"PORTAL_CONFIG": str(CONFIG_FOLDER / file)}).production


def test_other_variables_of_the_environment_are_none_of_ours():
    load(GOOD | {"PORTAL_TEST_POSTGRES_URL": "x", "PATH": "/bin"})


@pytest.mark.parametrize("host", ["localhost", "portal.localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]"])
def test_loopback_is_recognised(host):
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", [None, "", "localhost.example.com", "127.0.0.1.example.com", "0.0.0.0", "10.0.0.1", "nolocalhost"]
)
def test_nothing_else_is_taken_for_loopback(host):
    assert not is_loopback(host)


@pytest.mark.parametrize(
    "url",
    ["portal", "mysql://portal@localhost/hunter2", "postgresql+psycopg://portal@localhost:hunter2/portal"],
)
def test_what_is_no_database_is_refused_without_repeating_it(url):
    with pytest.raises(SettingsError, match="database_url") as caught:
        create_app(load(GOOD | {"PORTAL_DATABASE_URL": url}))
    assert "hunter2" not in str(caught.value)
