"""What the tests of the SCIM server share: a client with a token, and people as Okta sends them."""

import pytest

from tests.scim.callers import Caller, new_token


@pytest.fixture
def scim(app):
    """Okta: a caller with a token of its own."""
    return Caller(app, new_token(app))
