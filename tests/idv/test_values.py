"""Dates, e-mail addresses, telephone numbers and postal addresses are compared by meaning."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.idv import values

SAME = [
    (values.same_date, "1990-02-28", " 1990-02-28 "),
    (values.same_email, "Dan.Jones@Example.COM", "dan.jones@example.com"),
    (values.same_email, "dan@müller.example", "dan@xn--mller-kva.example"),
    (values.same_phone, "+44 20 7946 0958", "+442079460958"),
    (values.same_phone, "+44 (0)20 7946-0958", "+442079460958"),
    (values.same_phone, "+1 (555) 010-0199", "+15550100199"),
    (values.same_phone, "tel:+1-201-555-0123", "+12015550123"),
    (values.same_phone, "＋４４２０７９４６０９５８", "+442079460958"),
    (values.same_phone, "020 7946 0958", "02079460958"),
    (values.same_street, "12 Main St.", "12 MAIN STREET"),
    (values.same_street, "Hauptstraße 5", "Hauptstr. 5"),
    (values.same_street, "5 Rue de l'Église", "5, rue de l’Eglise"),
    (values.same_street, "12 Main St, Apt 4", "12 Main Street #4"),
    (values.same_street, "500 N Michigan Ave", "500 North Michigan Avenue"),
    (values.same_street, "Main Street 12", "12 Main St"),
    (values.same_place, "Zürich", "ZUERICH"),
    (values.same_place, "St. Louis", "Saint Louis"),
    (values.same_place, "Москва", "Moskva"),
    (values.same_region, "CA", "California"),
    (values.same_region, "US-CA", "ca"),
    (values.same_region, "Île-de-France", "ile de france"),
    (values.same_postal_code, "sw1a 1aa", "SW1A1AA"),
    (values.same_postal_code, "94105-1234", "94105"),
    (values.same_country, "US", "United States"),
    (values.same_country, "USA", "us"),
    (values.same_country, "840", "US"),
    (values.same_country, "Deutschland", "DE"),
    (values.same_country, "UK", "United Kingdom"),
    (values.same_country, "日本", "JPN"),
    (values.same_place, "東京", "东京"),
    (values.same_place, "苏州", "Suzhou"),
    (values.same_place, "台北", "臺北"),
    (values.same_place, "厦门", "廈門"),
    (values.same_place, "沈阳", "瀋陽"),
    (values.same_region, "陕西", "陝西"),
    (values.same_region, "台湾", "臺灣"),
    (values.same_street, "湾仔庄士敦道 5", "灣仔莊士敦道 5"),
    (values.same_street, "中山路 12", "12 中山路"),
    (values.same_region, "DE-BY", "by"),
    (values.same_email, "dan@bücher.example", "Dan@xn--bcher-kva.example"),
    (values.same_country, "U.S.A.", "US"),
]
DIFFERENT = [
    (values.same_date, "1990-02-28", "1990-02-27"),
    (values.same_date, "1990-02-30", "1990-02-30"),
    (values.same_date, "28.02.1990", "28.02.1990"),
    (values.same_date, "19900228", "19900228"),
    (values.same_date, "١٩٩٠-٠٢-٢٨", "1990-02-28"),
    (values.same_email, "dan.jones@example.com", "danjones@example.com"),
    (values.same_email, "dan+x@example.com", "dan@example.com"),
    (values.same_email, "dan@example.com", "dan@example.org"),
    (values.same_email, "dan", "dan"),
    (values.same_email, "@example.com", "@example.com"),
    (values.same_phone, "+442079460958", "+442079460959"),
    (values.same_phone, "020 7946 0958", "+442079460958"),
    (values.same_phone, "+1 201 555 0123 ext. 4", "+12015550123"),
    (values.same_phone, "call me", "call me"),
    (values.same_street, "12 Main St", "13 Main St"),
    (values.same_street, "3 Main St Apt 12", "12 Main St Apt 3"),
    (values.same_street, "12 Main St", "12 Main Ave"),
    (values.same_place, "Paris", "Parma"),
    (values.same_place, "Springfield", "Springfeld Nord"),
    (values.same_region, "CA", "Colorado"),
    (values.same_postal_code, "94105", "94107"),
    (values.same_country, "US", "UM"),
    (values.same_country, "Niger", "Nigeria"),
    (values.same_country, "KP", "KR"),
    (values.same_place, "苏州", "宿州"),
    (values.same_place, "東京市", "东经市"),
    (values.same_region, "陕西", "山西"),
    (values.same_region, "陕西省", "山西省"),
    (values.same_region, "陝西", "山西"),
    (values.same_place, "大阪", "大坂"),
    (values.same_place, "𠮷田", "佶田"),
    (values.same_street, "人民路12", "人民民路12"),
    (values.same_region, "AT-1", "BE-1"),
    (values.same_street, "人民路12", "仁民路12"),
    (values.same_email, "dan@straße.example", "dan@strasse.example"),
]


def name(case):
    return f"{case[0].__name__}-{case[1]}-{case[2]}" if isinstance(case, tuple) else None


@pytest.mark.parametrize("case", SAME, ids=name)
def test_two_ways_to_write_one_thing(case):
    compare, left, right = case
    assert compare(left, right)
    assert compare(right, left)


@pytest.mark.parametrize("case", DIFFERENT, ids=name)
def test_two_things(case):
    compare, left, right = case
    assert not compare(left, right)
    assert not compare(right, left)


EVERY = [
    values.same_text,
    values.same_date,
    values.same_email,
    values.same_phone,
    values.same_street,
    values.same_place,
    values.same_region,
    values.same_postal_code,
    values.same_country,
]


@pytest.mark.parametrize("compare", EVERY, ids=lambda compare: compare.__name__)
def test_nothing_is_not_the_same_as_nothing(compare):
    assert not compare("", "")
    assert not compare(" ", "\u200b")


@settings(deadline=None, max_examples=150)
@given(left=st.text(max_size=250), right=st.text(max_size=250), compare=st.sampled_from(EVERY))
def test_no_text_makes_them_raise(left, right, compare):
    assert compare(left, right) == compare(right, left)
    assert isinstance(compare(left, left), bool)


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("Apt 3, 12 High St", "12 High Street, Flat 3", True),
        ("Flat 12, 3 High St", "12 High St, Flat 3", False),
        ("Flat 3, 12 High St", "Flat 4, 12 High St", False),
    ],
)
def test_a_flat_keeps_its_number_wherever_it_stands(left: str, right: str, same: bool) -> None:
    assert values.same_street(left, right) is same
