"""A stand-in for VerifEye that verifies nobody: for demonstrations, development and tests.

It is a WSGI application of its own, to be served on an origin of its own, and behaves like VerifEye as far
as VerifEye is documented: the hosted page, the Service API with its signatures, results and webhook, and a
face collection with the five documented modes. In the camera's place stands a choice: *whose face* is there
and *what happens*, including everything an attacker or a bad day can do to the portal.

::

    pages     the hosted page people see            api       /v1/…, what the portal calls
    control   /sandbox/…: the index, and JSON for tests
    sessions  a link's checks, a session's end      verdicts  what a session comes to, as query and as JSON
    matching  the five face modes (pure)            webhook   deliveries in the background
    store     one SQLite file, several processes    people, scenarios, configurations: the vocabulary

It knows ``portal.verifeye`` (whose signature it shares, since both sides of one wire must agree), ``clock``
and ``credentials``, and nothing else of the portal. Two other programs live beside it: the demo's relying
party, which plays Okta's sign-in with ``portal.okta.simulator``, and the local Okta in ``okta``.
Production settings refuse to start the stand-ins.
"""

from portal.sandbox.app import SandboxWarning, create_sandbox
from portal.sandbox.configurations import Configuration, ConfigurationError, read_configuration

__all__ = [
    "Configuration",
    "ConfigurationError",
    "SandboxWarning",
    "create_sandbox",
    "read_configuration",
]
