"""What only some processes need is imported by those alone: memory is paid for by every worker."""

import os
import subprocess
import sys

from tests.support.machine import TOP

#: Each with what needs it.
RARELY_NEEDED = {
    "alembic": "migrations",
    "flask_limiter": "rate limits in a Redis",
    "limits": "the same",
    "redis": "the same",
    "opentelemetry": "traces",
    "authlib.integrations.base_client": "signing in with Okta, before enrolment",
    "portal.enrolment.entrance": "somebody who was invited",
    "portal.mail": "a worker that sends invitations",
    "smtplib": "the same",
    "portal.okta_api": "a worker that asks Okta",
    "portal.okta.events": "a worker that follows Okta's events",
    "portal.cli.retention": "a worker that removes what is old",
    "phonenumbers": "a telephone number that is written down",
    "portal.idv.names": "comparing names for an identity verification",
    "rapidfuzz": "the same",
    "portal.scim.people": "a SCIM client",
}


def test_a_worker_that_only_signs_people_in_holds_none_of_it() -> None:
    code = "import sys, portal.app; portal.app.create_app(); print(*sys.modules, sep='\\n')"
    environment = {
        **os.environ,
        "PORTAL_CONFIG": str(TOP / "config" / "test.toml"),
        "PORTAL_RATE_LIMIT_STORAGE": "memory://",
    }
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=TOP, env=environment, capture_output=True, text=True, check=True
    )
    loaded = set(run.stdout.split())
    assert "portal.oidc.claims" in loaded
    assert not loaded & set(RARELY_NEEDED)
