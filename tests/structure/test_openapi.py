"""``docs/openapi.json`` describes every address that programs call, and nothing that there is not."""

import json

from tests.structure.test_urls import POLICIES
from tests.support.machine import TOP

DESCRIBED = json.loads((TOP / "docs" / "openapi.json").read_text())
METHODS = {"get", "post", "put", "patch", "delete"}

#: Pages for people, files, and what Prometheus reads, which is text.
FOR_PEOPLE = {"/camera-help", "/enrol/new-link", "/privacy", "/terms", "/static/<path:filename>", "/metrics"}
SCHEMES = {
    "anybody": set(),
    "client": {"client_basic", "client_post"},
    "bearer": {"scim_token", "access_token"},
    "api key": {"hook_secret", "verifeye_key"},
}


def for_programs():
    return {
        url.replace("<", "{").replace(">", "}"): policy
        for url, policy in POLICIES.items()
        if policy.guard in SCHEMES and url not in FOR_PEOPLE
    }


def test_every_address_for_programs_is_described_with_its_methods():
    described = {
        path: {name.upper() for name in item if name in METHODS} for path, item in DESCRIBED["paths"].items()
    }
    assert described == {url: policy.methods for url, policy in for_programs().items()}


def test_what_an_address_demands_is_what_its_policy_says():
    for url, policy in for_programs().items():
        for name, operation in DESCRIBED["paths"][url].items():
            if name in METHODS:
                demanded = {scheme for one in operation["security"] for scheme in one}
                assert demanded <= SCHEMES[policy.guard], f"{name} {url}"
                assert bool(demanded) == bool(SCHEMES[policy.guard]), f"{name} {url}"
                assert "429" in operation["responses"] or not policy.limits, f"{name} {url}"


def test_operations_have_names_of_their_own():
    names = [
        operation["operationId"]
        for item in DESCRIBED["paths"].values()
        for name, operation in item.items()
        if name in METHODS
    ]
    assert len(names) == len(set(names))


def test_every_reference_leads_somewhere():
    written = json.dumps(DESCRIBED)
    for part in written.split('"$ref": "#/components/schemas/')[1:]:
        assert part.partition('"')[0] in DESCRIBED["components"]["schemas"]
