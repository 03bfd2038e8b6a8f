"""Every address of the portal has its policy here, and the portal keeps to it.

A new address fails these tests until somebody has decided who may use it, what a foreign site's form can
do there, how often it may be called and who may store its answer.
"""

from dataclasses import fields
from typing import NamedTuple

import pytest

from portal.settings import Settings
from tests.support import factories, portal_app


class Policy(NamedTuple):
    """Who may use an address, and how."""

    methods: set[str]
    #: ``anybody``; ``link``: a signed step link, in the browser that began; ``state``: VerifEye's one-time
    #: state; ``client``, ``bearer``, ``api key``: a secret of the caller's; ``request``: a registered client
    #: and address are named.
    guard: str
    #: Whether a POST needs the token of a form of ours.
    csrf: bool
    limits: list[str]
    #: What a refused or plain answer says about being stored.
    cache: str


GUESSES = "rate_limit_secret_failures"
PAGES, TOKEN = ["rate_limit_pages"], ["rate_limit_token"]
SECRETS = ["rate_limit_token", "rate_limit_client", GUESSES]
SCIM = ["rate_limit_scim", GUESSES]
IDENTIFY = ["rate_limit_identify_per_account", "rate_limit_identify", "rate_limit_pages"]

POLICIES = {
    "/.well-known/oauth-authorization-server": Policy({"GET"}, "anybody", False, [], "public"),
    "/.well-known/openid-configuration": Policy({"GET"}, "anybody", False, [], "public"),
    "/camera-help": Policy({"GET"}, "anybody", False, PAGES, "no-store"),
    "/enrol": Policy({"GET", "POST"}, "link", True, PAGES, "no-store"),
    "/enrol/continue": Policy({"GET"}, "link", False, PAGES, "no-store"),
    "/enrol/leave": Policy({"GET", "POST"}, "link", True, PAGES, "no-store"),
    "/enrol/new-link": Policy({"GET", "POST"}, "anybody", True, [*PAGES, "rate_limit_new_link"], "no-store"),
    "/enrol/okta/callback": Policy({"GET"}, "state", False, PAGES, "no-store"),
    "/healthz": Policy({"GET"}, "anybody", False, [], "no-store"),
    "/metrics": Policy({"GET"}, "bearer", False, ["rate_limit_secret_failures"], "no-store"),
    "/oauth2/authorize": Policy({"GET"}, "request", False, ["rate_limit_authorize"], "no-store"),
    "/oauth2/idv-authorize": Policy({"GET"}, "request", False, ["rate_limit_authorize"], "no-store"),
    "/oauth2/par": Policy({"POST"}, "client", False, SECRETS, "no-store"),
    "/oauth2/token": Policy({"POST"}, "client", False, SECRETS, "no-store"),
    "/okta/events": Policy(
        {"GET", "POST"}, "api key", False, ["rate_limit_okta_events", GUESSES], "no-store"
    ),
    "/privacy": Policy({"GET"}, "anybody", False, PAGES, "no-store"),
    "/readyz": Policy({"GET"}, "anybody", False, [], "no-store"),
    "/scim/v2/.search": Policy({"POST"}, "bearer", False, SCIM, "no-store"),
    "/scim/v2/Groups/.search": Policy({"POST"}, "bearer", False, SCIM, "no-store"),
    "/scim/v2/Users/.search": Policy({"POST"}, "bearer", False, SCIM, "no-store"),
    "/scim/v2/Groups": Policy({"GET", "POST"}, "bearer", False, SCIM, "no-store"),
    "/scim/v2/Groups/<group_id>": Policy(
        {"GET", "PUT", "PATCH", "DELETE"}, "bearer", False, SCIM, "no-store"
    ),
    "/scim/v2/ResourceTypes": Policy({"GET"}, "bearer", False, SCIM, "no-store"),
    "/scim/v2/ResourceTypes/<name>": Policy({"GET"}, "bearer", False, SCIM, "no-store"),
    "/scim/v2/Schemas": Policy({"GET"}, "bearer", False, SCIM, "no-store"),
    "/scim/v2/Schemas/<name>": Policy({"GET"}, "bearer", False, SCIM, "no-store"),
    "/scim/v2/ServiceProviderConfig": Policy({"GET"}, "anybody", False, ["rate_limit_scim"], "no-store"),
    "/scim/v2/Users": Policy({"GET", "POST"}, "bearer", False, SCIM, "no-store"),
    "/scim/v2/Users/<user_id>": Policy({"GET", "PUT", "PATCH", "DELETE"}, "bearer", False, SCIM, "no-store"),
    "/static/<path:filename>": Policy({"GET"}, "anybody", False, [], "no-cache"),
    "/terms": Policy({"GET"}, "anybody", False, PAGES, "no-store"),
    "/v1/openid/account": Policy({"GET", "POST"}, "link", True, IDENTIFY, "no-store"),
    "/v1/openid/authorize": Policy({"GET", "POST"}, "request", False, ["rate_limit_authorize"], "no-store"),
    "/v1/openid/check": Policy({"GET", "POST"}, "link", True, PAGES, "no-store"),
    "/v1/openid/continue": Policy({"GET"}, "link", False, PAGES, "no-store"),
    "/v1/openid/jwks": Policy({"GET"}, "anybody", False, [], "public"),
    "/v1/openid/leave": Policy({"GET", "POST"}, "link", True, PAGES, "no-store"),
    "/v1/openid/refused": Policy({"GET"}, "link", False, PAGES, "no-store"),
    "/v1/openid/revoke": Policy({"POST"}, "client", False, SECRETS, "no-store"),
    "/v1/openid/token": Policy({"POST"}, "client", False, SECRETS, "no-store"),
    "/v1/openid/userinfo": Policy({"GET", "POST"}, "bearer", False, TOKEN, "no-store"),
    "/v1/openid/verify-result": Policy({"GET"}, "state", False, PAGES, "no-store"),
    "/verifeye/webhook": Policy({"POST"}, "api key", False, ["rate_limit_webhook"], "no-store"),
}

#: What the design promises to scripts and other programs; these can never go.
PROMISED = {
    "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/v1/openid/authorize",
    "/v1/openid/token", "/oauth2/token", "/v1/openid/jwks", "/v1/openid/userinfo", "/v1/openid/revoke",
    "/scim/v2/Groups", "/scim/v2/ServiceProviderConfig", "/scim/v2/Users",
    "/v1/openid/verify-result", "/verifeye/webhook", "/healthz", "/readyz",
}  # fmt: skip

#: The status of an answer to somebody who brings nothing, by guard.
REFUSALS = {
    "anybody": {200}, "link": {400}, "state": {400}, "request": {400}, "client": {401}, "bearer": {401},
    "api key": {401, 403},
}  # fmt: skip
STALE_FORM = "Please load this page again"

only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
each_url = pytest.mark.parametrize("url", POLICIES)


def with_a_key(app):
    """Discovery and the key set speak of the keys there are."""
    with app.app_context():
        factories.signing_key("ES256")


def path_of(url):
    return url.replace("<path:filename>", "css/portal.css")


def bring_nothing(client, url, method=None):
    """Call an address with a request of the right form that proves nothing."""
    method = method or ("GET" if "GET" in POLICIES[url].methods else "POST")
    form = {"grant_type": "authorization_code", "client_id": "nobody", "client_secret": "wrong", "token": "t"}
    answer = client.open(path_of(url), method=method, data=form if method == "POST" else None)
    answer.close()
    return answer


def rules(app):
    return {rule.rule: rule for rule in app.url_map.iter_rules()}


@only_sqlite
def test_every_address_has_a_policy_and_none_has_vanished(app):
    assert set(rules(app)) == set(POLICIES)
    assert set(POLICIES) >= PROMISED


@only_sqlite
@each_url
def test_an_address_takes_the_methods_of_its_policy(app, url):
    assert rules(app)[url].methods - {"HEAD", "OPTIONS"} == POLICIES[url].methods


@only_sqlite
@each_url
def test_who_brings_nothing_is_refused_wherever_something_is_needed(client, url):
    with_a_key(client.application)
    assert bring_nothing(client, url).status_code in REFUSALS[POLICIES[url].guard]


@only_sqlite
@each_url
def test_a_foreign_sites_form_is_refused_wherever_a_form_of_ours_is(client, url):
    """The token is looked at before anything else: a request without it has no effect and learns nothing."""
    policy = POLICIES[url]
    if "POST" not in policy.methods:
        assert bring_nothing(client, url, "POST").status_code == 405
        return
    answer = client.post(path_of(url), headers={"Origin": "https://evil.example"})
    assert (STALE_FORM in answer.text) is policy.csrf


@only_sqlite
@each_url
def test_an_answer_says_who_may_store_it(client, url):
    with_a_key(client.application)
    assert POLICIES[url].cache in bring_nothing(client, url).headers.get("Cache-Control", "")


@only_sqlite
@each_url
def test_programs_are_given_no_cookie(client, url):
    policy = POLICIES[url]
    if policy.guard in ("client", "bearer", "api key") or policy.cache != "no-store":
        for method in policy.methods:
            assert "Set-Cookie" not in bring_nothing(client, url, method).headers


@only_sqlite
@each_url
def test_an_address_counts_towards_the_limits_of_its_policy(app, url):
    endpoint = rules(app)[url].endpoint
    assert app.extensions["portal.limits"].get(endpoint, []) == POLICIES[url].limits


def _limited():
    """Give every address with each of its limits; those on what was filled in or proven, flow tests have."""
    for url, policy in POLICIES.items():
        for name in policy.limits:
            if not name.startswith(("rate_limit_identify", "rate_limit_new_link", "rate_limit_client")):
                yield pytest.param(url, name, id=f"{url}-{name}")


@only_sqlite
@pytest.mark.parametrize(("url", "setting"), list(_limited()))
def test_a_limit_holds(database, url, setting):
    """With the setting at one an hour, the second call is refused, politely and with a time to wait."""
    app = portal_app.make_app(database, **{setting: "1 per hour"})
    client = app.test_client()
    with_a_key(app)
    first, second = (bring_nothing(client, url) for _ in range(2))
    assert first.status_code != 429
    assert second.status_code == 429
    assert int(second.headers["Retry-After"]) > 0
    portal_app.close(app)


def test_every_limit_among_the_settings_is_used_by_an_address():
    declared = {field.name for field in fields(Settings) if field.name.startswith("rate_limit_")}
    used = {name for policy in POLICIES.values() for name in policy.limits}
    assert declared - {"rate_limit_storage"} == used
