"""scim2-tester: another project's checks of a SCIM server, over everything that it discovers."""

from scim2_client.engines.wsgi import WSGISCIMClient
from scim2_tester import Status, check_server

from tests.scim.callers import BASE, new_token


def test_scim2_tester_finds_nothing_wrong(app):
    caller = WSGISCIMClient(
        app, base_url=f"https://portal.test{BASE}", headers={"Authorization": f"Bearer {new_token(app)}"}
    )
    results = check_server(caller)
    bad = [f"{one.status} {one.title}: {one.reason}" for one in results if one.status is not Status.SUCCESS]
    assert bad == []
    assert len(results) > 50
