"""An Okta id is one person's and never another's name: a recovery asks about somebody by it."""

import pytest
from flask import Flask

from portal.extensions import db
from portal.users import directory


def test_nobody_takes_another_persons_okta_id_for_a_login(context: Flask) -> None:
    directory.add("victim@acme.example", okta_id="00u1victim", how="test")
    with pytest.raises(directory.UserExists):
        directory.add("00u1victim", how="test")


def test_nobody_is_given_another_persons_login_for_an_okta_id(context: Flask) -> None:
    directory.add("00u1victim", how="test")
    with pytest.raises(directory.UserExists):
        directory.add("victim@acme.example", okta_id="00u1victim", how="test")


def test_where_both_exist_all_the_same_the_okta_id_is_meant(context: Flask) -> None:
    victim = directory.add("victim@acme.example", okta_id="00u1victim", how="test")
    other = directory.add("other@acme.example", how="test")
    other.login, other.login_key = "00u1victim", "00u1victim"
    db.session.commit()
    found = directory.resolve("00u1victim")
    assert found is not None
    assert found.id == victim.id
