import pytest

from portal.verifeye.regions import REGIONS, Endpoints, custom_endpoints


def test_the_regions_have_the_vendors_hosts():
    assert REGIONS["eu"] == Endpoints(
        "https://verifeye-service-eu.realeyes.ai", "https://verifeye-service-api-eu.realeyes.ai"
    )
    assert set(REGIONS) == {"eu", "us"}
    assert all(endpoints.encrypted for endpoints in REGIONS.values())


@pytest.mark.parametrize(
    "api_url",
    ["https://api.example", "https://api.example/", "https://api.example/v1", "https://api.example/v1/"],
)
def test_an_address_is_tidied(api_url):
    assert custom_endpoints("https://page.example/", api_url) == Endpoints(
        "https://page.example", "https://api.example"
    )


def test_plain_http_is_possible_and_visible():
    assert not custom_endpoints("http://127.0.0.1:8001", "http://127.0.0.1:8001").encrypted


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("ftp://x.example", "must begin with https://"),
        ("x.example", "must begin with https://"),
        ("https://", "must begin with https://"),
        ("", "must begin with https://"),
        ("https://user:secret@x.example", "user name or password"),
        ("https://@x.example", "user name or password"),
        ("https://x.example/?a=1", "query or a fragment"),
        ("https://x.example/?", "query or a fragment"),
        ("https://x.example/#a", "query or a fragment"),
        ("https://x.example:notaport", "not a valid URL"),
        ("https://[::1", "not a valid URL"),
        ("https://x.exa mple", "spaces"),
        ("https://x.example\n", "spaces"),
        ("https://bücher.example", "ASCII"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_in_a_sentence(url, sentence):
    with pytest.raises(ValueError, match=sentence) as refusal:
        custom_endpoints(url, "https://api.example")
    assert str(refusal.value).startswith("The service URL")
    assert "secret" not in str(refusal.value)
