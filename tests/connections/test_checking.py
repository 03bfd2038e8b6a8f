"""Which addresses and names are taken for an organisation's, and in what spelling they are kept."""

from types import SimpleNamespace

import pytest

from portal.connections import checking

PRODUCTION = SimpleNamespace(allow_http_loopback=False)
DEMO = SimpleNamespace(allow_http_loopback=True)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("https://acme.okta.com", "https://acme.okta.com"),
        (" https://ACME.okta.com/ ", "https://acme.okta.com"),
        ("https://id.acme.example:8443", "https://id.acme.example:8443"),
        ("https://acme.okta.com:443/", "https://acme.okta.com"),
        ("https://acme.okta.com:80", "https://acme.okta.com:80"),
        ("http://localhost:80", "http://localhost"),
        ("http://localhost:9000", "http://localhost:9000"),
        ("http://[::1]:9000/", "http://[::1]:9000"),
    ],
)
def test_an_address_is_kept_in_one_spelling(text, kept):
    assert checking.organisation_url(text, DEMO) == kept


@pytest.mark.parametrize(
    "text",
    [
        "", "acme.okta.com", "ftp://acme.okta.com", "https://", "https://acme.okta.com/app", "https://a b",
        "https://user:pass@acme.okta.com", "https://acme.okta.com?x=1", "https://acme.okta.com#x",
        "https://acme-admin.okta.com", "https://acme-admin.oktapreview.com", "http://acme.okta.com",
        "https://[::1", "https://acme.okta.com:port", "https://münchen.example", "javascript:alert(1)",
    ],
)  # fmt: skip
def test_what_is_no_organisations_address_is_refused_with_a_sentence(text):
    with pytest.raises(ValueError, match=r"\."):
        checking.organisation_url(text, DEMO)


def test_plain_http_is_for_loopback_outside_production():
    with pytest.raises(ValueError, match="https://"):
        checking.organisation_url("http://localhost:9000", PRODUCTION)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("https://acme.okta.com/oauth2/default/", "https://acme.okta.com/oauth2/default"),
        ("https://acme.okta.com", "https://acme.okta.com"),
    ],
)
def test_an_issuer_may_have_a_path(text, kept):
    assert checking.issuer_url(text, PRODUCTION) == kept


@pytest.mark.parametrize(
    "text", ["https://acme.okta.com/a?b", "https://acme.okta.com/ü", "/oauth2", "http://x.example/y"]
)
def test_an_issuer_is_held_to_the_same_rules(text):
    with pytest.raises(ValueError, match=r"\."):
        checking.issuer_url(text, PRODUCTION)


@pytest.mark.parametrize("name", ["", "1st", "with space", "a-b", "x" * 65, "ümlaut", "a.b", "__proto__ "])
def test_an_attributes_name_is_plain(name):
    with pytest.raises(ValueError, match="name"):
        checking.attribute_name(name)
