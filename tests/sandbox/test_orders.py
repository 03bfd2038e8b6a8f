import pytest
import urllib3

from portal import credentials
from tests.support.sandbox_server import ACCOUNT_KEY


def order(page, what, document=None, key=ACCOUNT_KEY, **options):
    headers = {"Authorization": f"ApiKey {key}"} if key else {}
    with urllib3.PoolManager() as pool:
        return pool.request(
            "POST",
            f"{page.sandbox.origin}/sandbox/{what}",
            json=document,
            headers=headers,
            retries=False,
            **options,
        )


def test_an_ordered_session_ends_without_a_click(host):
    page = host()
    page.sandbox.next_session(face="bela", outcome="pass")
    assert page.get(page.link()).status == 303
    assert page.get(page.link()).status == 200
    assert page.sandbox.state()["faces"][0]["who"] == "bela"


def test_an_order_may_only_prepare_the_page(host):
    page = host()
    page.sandbox.next_session(face="bela", outcome="slow", auto=False)
    shown = page.get(page.link()).data.decode()
    assert 'value="bela" checked' in shown
    assert 'value="slow" checked' in shown


def test_an_order_may_be_for_one_configuration(host):
    page, other = host(), host()
    page.sandbox.next_session(configuration_id=other.configuration_id)
    assert page.get(page.link()).status == 200
    assert other.get(other.link()).status == 303


def test_orders_are_carried_out_in_turn(host):
    page = host()
    page.sandbox.next_session(outcome="liveness_fails", times=2)
    page.sandbox.next_session(outcome="cancel")
    reasons = [
        page.get(page.link()).headers["Location"].partition("reFailedReason=")[2][:16] for _ in range(3)
    ]
    assert reasons == ["sandbox_not_live", "sandbox_not_live", "sandbox_cancelle"]


def test_an_ordered_fault_happens_as_often_as_ordered(host, clock):
    page = host()
    page.sandbox.next_answers(operation="healthz", status=503, delay=3, times=2)
    assert [page.api("GET", "healthz").status for _ in range(3)] == [503, 503, 200]
    assert clock.waits == [3, 3]


@pytest.mark.parametrize("what", ["next", "faults", "reset", "configurations"])
@pytest.mark.parametrize(("key", "status"), [(None, 401), ("wrong", 401), ("", 401)])
def test_only_the_account_key_gives_orders(host, what, key, status):
    assert order(host(), what, {}, key=key).status == status


@pytest.mark.parametrize(
    ("what", "document"),
    [
        ("next", {"face": "nobody"}),
        ("next", {"outcome": "nothing"}),
        ("next", {"outcome": 7}),
        ("next", {"times": 0}),
        ("next", {"times": "1"}),
        ("next", {"auto": 1}),
        ("next", {"unknown": 1}),
        ("next", {"webhook": "sometimes"}),
        ("next", {"configuration_id": 7}),
        ("faults", {"status": 200}),
        ("faults", {"status": 700}),
        ("faults", {"delay": 31}),
        ("faults", {"operation": 7}),
        ("faults", {"unknown": 7}),
        ("next", []),
        ("next", None),
    ],
)
def test_an_order_that_is_not_understood_is_refused(host, what, document):
    assert order(host(), what, document).status == 400


def test_what_is_null_in_an_order_is_as_if_it_were_absent(host):
    page = host()
    assert order(page, "next", {"face": None, "outcome": None, "webhook": None}).status == 201
    assert page.get(page.link()).status == 303


def test_an_order_for_a_configuration_that_does_not_exist_is_refused(host):
    assert order(host(), "next", {"configuration_id": credentials.random_hex(128)}).status == 404


def test_the_index_forgets_faces_for_its_own_pages_only(host):
    page = host()
    page.result()
    forget = f"{page.sandbox.origin}/sandbox/forget"
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        assert page.request("POST", forget, headers=headers).status == 403
    assert len(page.sandbox.state()["faces"]) == 1
    assert page.request("POST", forget, headers={"Sec-Fetch-Site": "same-origin"}).status == 303
    assert page.sandbox.state()["faces"] == []


def test_the_root_leads_to_the_index(host):
    page = host()
    assert page.get(page.sandbox.origin).headers["Location"] == "/sandbox/"
