"""Whatever is looked up has an index, so that a request costs the same with a thousand rows and a million."""

import pytest
import sqlalchemy as sa

from portal import models
from portal.extensions import db

assert models, "importing the tables makes them known to the metadata"

#: Table and columns of every look-up and of every prune, most selective first.
LOOK_UPS = [
    ("audit_events", "reference"), ("audit_events", "user_id"), ("audit_events", "at"),
    ("audit_links", "sequence"), ("audit_links", "event_id"), ("audit_chains", "id"), ("audit_sinks", "name"),
    ("authorization_grants", "code_digest"), ("authorization_grants", "access_digest"),
    ("authorization_grants", "journey_id"), ("authorization_grants", "user_id"),
    ("captures", "state_digest"), ("captures", "session_id"), ("captures", "journey_id"),
    ("client_assertions", "digest"), ("client_assertions", "expires_at"),
    ("client_secrets", "client_id"),
    ("clients", "id"), ("clients", "verification_id"),
    ("enrolments", "user_id"), ("enrolments", "journey_id"), ("enrolments", "verification_id"),
    ("enrolments", "external_id"),
    ("invitations", "id"), ("invitations", "user_id"), ("invitations", "expires_at"),
    ("invitations", "next_reminder_at"),
    ("journeys", "id"), ("journeys", "reference"), ("journeys", "expires_at"), ("journeys", "ended_at"),
    ("outbox_messages", "topic"), ("outbox_messages", "user_id"), ("outbox_messages", "ended_at"),
    ("scheduled_jobs", "name"),
    ("okta_connections", "id"), ("okta_hook_secrets", "digest"), ("okta_registrations", "okta_id"),
    ("okta_pauses", "id"), ("okta_pauses", "ended_at"),
    ("okta_events", "uuid"), ("okta_events", "okta_id"), ("okta_events", "batch"),
    ("okta_events", "received_at"),
    ("okta_facts", "okta_id"), ("okta_facts", "kind"),
    ("okta_reconciliations", "id"), ("okta_readings", "okta_id"),
    ("okta_paused_people", "pause_id"), ("okta_paused_people", "okta_id"),
    ("session_notices", "session_id"), ("session_notices", "received_at"),
    ("signing_keys", "kid"), ("signing_keys", "alg"),
    ("users", "login_key"), ("users", "email_key"), ("users", "okta_id"), ("users", "id"),
    ("verification_configurations", "id"),
    ("pushed_requests", "digest"), ("pushed_requests", "expires_at"),
    ("flows", "client_id"),
    ("user_holds", "user_id"), ("user_holds", "since"), ("users", "created_at"), ("users", "updated_at"),
    ("scim_tokens", "digest"), ("scim_tokens", "name"),
    ("scim_users", "user_id"), ("scim_users", "external_id"),
    ("scim_groups", "id"), ("scim_groups", "display_key"), ("scim_groups", "external_id"),
    ("scim_groups", "created_at"), ("scim_groups", "updated_at"),
    ("scim_members", "group_id"), ("scim_members", "member"), ("scim_members", "user_id"),
]  # fmt: skip


def _leading_columns(table):
    unique = (sa.UniqueConstraint, sa.PrimaryKeyConstraint)
    constraints = [constraint for constraint in table.constraints if isinstance(constraint, unique)]
    return {next(iter(indexed.columns)).name for indexed in [*table.indexes, *constraints]}


@pytest.mark.parametrize(("table", "column"), LOOK_UPS)
def test_a_look_up_has_an_index(table, column):
    assert column in _leading_columns(db.metadata.tables[table])


@pytest.mark.parametrize("table", db.metadata.sorted_tables, ids=lambda table: table.name)
def test_every_table_is_looked_up(table):
    assert table.name in {name for name, _ in LOOK_UPS}


def test_every_column_that_names_another_record_of_a_growing_table_has_an_index():
    """Removing a record looks for those that name it; configurations and clients are few and stay."""
    few = {"clients", "verification_configurations"}
    for table in db.metadata.sorted_tables:
        for key in table.foreign_keys:
            if key.column.table.name not in few:
                assert key.parent.name in _leading_columns(table), f"{table.name}.{key.parent.name}"
