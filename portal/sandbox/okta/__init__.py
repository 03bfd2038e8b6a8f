"""A local Okta: a stand-in for an Okta org, for the demonstration, development and tests.

A WSGI application of its own, to be served on an origin of its own, and on this machine only. It behaves as
Okta documents itself where the portal touches it; where Okta has published nothing, it does what is simplest.

::

    pages      what an admin clicks, and the inbox       sign_in   who one is, for clients that ask (OIDC)
    api        /api/v1/…: users, groups, schema, log     oauth     metadata, keys, tokens for service apps
    access     tokens, scopes, rate limits, bad days     control   /local/…: JSON orders for tests
    people     profiles, statuses, groups                journal   the System Log
    hooks      event hooks: verify, send, lose, repeat   switches  what goes wrong on purpose
    scim_apps  two kinds of provisioning apps            scim_client, scim_queue   their wire, their jobs
    store      one SQLite file                           seeding   filling it;  inbox   mails in a folder

It knows ``clock`` and ``credentials`` and nothing else of the portal. Production settings refuse to start it.
"""

from portal.sandbox.okta.app import LocalOkta, LocalOktaWarning
from portal.sandbox.okta.seeding import USUAL, SeedError, read, sow

__all__ = ["USUAL", "LocalOkta", "LocalOktaWarning", "SeedError", "read", "sow"]
