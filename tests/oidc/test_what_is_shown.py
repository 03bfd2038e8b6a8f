"""What is read of a person on the way to a token is not shown by whoever prints what holds it."""

from portal.oidc.redemption import Redeemed


def test_a_redeemed_code_does_not_show_whom_it_speaks_of() -> None:
    redeemed = Redeemed("a user", "openid", {"email": "amara@acme.example"}, "BCDF-2345-GHJK")
    assert "amara" not in repr(redeemed)
    assert "BCDF-2345-GHJK" in repr(redeemed)
