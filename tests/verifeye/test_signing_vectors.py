"""Vectors computed by hand from the vendor's published description; the vendor itself publishes none."""

import hashlib

import pytest

from portal.verifeye import signing

KEY = "your-secret-api-key"

VECTORS = [
    (
        "userId=User123&age=25&gender=Male",
        "?age=25&gender=male&userid=user123",
        "dd915e836a19306b6edbfda10dbc533b40488eb7778a5a5661245a7160e373ac",
    ),
    (
        "reExternalId=abc123&reExpiration=1747852345&reNonce=bf5c7f4e8a794e41a58e08dfd634f816",
        "?reexpiration=1747852345&reexternalid=abc123&renonce=bf5c7f4e8a794e41a58e08dfd634f816",
        "1d92814b18350b563a04a1da0ebe88e69f56204a5cb120e1587e3928a8932526",
    ),
    (
        "a=x%20y&b=p%2Bq&u=https%3A%2F%2Fex.test%2Fcb%3Fs%3D1",
        "?a=x%20y&b=p%2Bq&u=https%3A%2F%2Fex.test%2Fcb%3Fs%3D1",
        "4815ee63144b151923bdc85c7258aba7feded9e426b6443b2b6c78eb2de8ab6b",
    ),
    ("k=B&k=a&K=c", "?k=a&k=b&k=c", "bbcf97a2fd920f158ea48699d70def0d2102fa3f2597b01e7b3cd8cdf0b53892"),
    ("e=&f=1", "?e=&f=1", "798cc9abab3c8cfea304c4fb00c333a9c3dc4875d41c72c6fc2527521a0fb83a"),
]


@pytest.mark.parametrize(("query", "canonical", "signature"), VECTORS)
def test_the_vectors_hold(query, canonical, signature):
    assert signing.canonicalise(query) == canonical
    assert signing.sign(query, KEY) == signature
    assert signing.sign("?" + query, KEY) == signature
    assert signing.verify(f"{query}&reSignature={signature}", KEY)


def test_the_key_is_appended_to_the_canonical_form_and_hashed_once():
    string_to_sign = "?age=25&gender=male&userid=user123your-secret-api-key"
    assert (
        signing.sign("userId=User123&age=25&gender=Male", KEY)
        == hashlib.sha256(string_to_sign.encode()).hexdigest()
    )


@pytest.mark.parametrize(
    ("query", "canonical"),
    [
        ("a=-._~!$()*,;@", "?a=-._~!$()*,;@"),
        ("a='&b=/:?&c=%22<>", "?a=%27&b=%2F%3A%3F&c=%22%3C%3E"),
        ("a=x+y", "?a=x%20y"),
        ("a=%c3%9c", "?a=%C3%BC"),
        ("a=Ü", "?a=%C3%BC"),
        ("a", "?a="),
        ("%41", "?%2541="),
        ("a=1&&b=2&", "?a=1&b=2"),
        ("a=b=c", "?a=b%3Dc"),
        ("a=%FF", "?a=%25ff"),
        ("a=%", "?a=%25"),
        ("a=%zz", "?a=%25zz"),
        ("RESIGNATURE=x&a=1", "?a=1"),
        ("%72eSignature=x&a=1", "?a=1"),
        ("", "?"),
    ],
)
def test_queries_are_read_and_escaped_as_dotnet_does(query, canonical):
    assert signing.canonicalise(query) == canonical


@pytest.mark.parametrize(
    "query",
    [
        "a=1",
        "a=1&reSignature=",
        "a=1&reSignature=" + "0" * 64,
        "a=1&reSignature={good}&reSignature={good}",
        "a=1&reSignature={good}&RESIGNATURE={good}",
        "a=2&reSignature={good}",
        "a=1&b=&reSignature={good}",
        "a=1&reSignature={GOOD}",
        "a=1&reSignature={good}%20",
    ],
)
def test_anything_else_does_not_verify(query):
    good = signing.sign("a=1", KEY)
    assert not signing.verify(query.format(good=good, GOOD=good.upper()), KEY)


def test_another_key_does_not_verify():
    signed = f"a=1&reSignature={signing.sign('a=1', KEY)}"
    assert signing.verify(signed, KEY)
    assert not signing.verify(signed, KEY + "x")
