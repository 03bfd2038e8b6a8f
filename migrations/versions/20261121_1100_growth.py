"""Indexes that stay as small as the work they are for, and tables that are vacuumed in time, however full.

Rules for a migration: it is compatible with the release before (a column is removed one release after
the code stopped using it); it takes no long lock (indexes on PostgreSQL are made CONCURRENTLY, no table is
rewritten); it goes down as well as up, and where it cannot, it says why.

With ten million finished journeys, making each of the three indexes takes PostgreSQL some ten seconds, while
people go on. The release before still ends journeys while it runs beside this one; its look for them goes
through the table, as it went through the whole index.

Revision: 20261121_1100, after 20261121_1030
"""

import sqlalchemy as sa
from alembic import op

revision = "20261121_1100"
down_revision = "20261121_1030"
branch_labels = None
depends_on = None

#: Name, table, column, condition.
_MADE = (
    ("ix_journeys_unfinished", "journeys", "expires_at", "ended_at IS NULL"),
    ("ix_journeys_finished", "journeys", "ended_at", "ended_at IS NOT NULL"),
    ("ix_pushed_requests_unopened", "pushed_requests", "expires_at", "journey_id IS NULL"),
)
#: The first two are what the partial ones take the place of; nothing ever asked the others.
_DROPPED = (
    ("ix_journeys_expires_at", "journeys", "expires_at"),
    ("ix_journeys_ended_at", "journeys", "ended_at"),
    ("ix_journeys_client_id", "journeys", "client_id"),
)

#: PostgreSQL's own measure is a fifth of a table: of ten million rows it would let two million die first.
#: (PostgreSQL's manual, CREATE TABLE, storage parameters; none of them rewrites anything.)
_OFTEN = {
    "autovacuum_vacuum_scale_factor": "0.02",
    "autovacuum_vacuum_insert_scale_factor": "0.02",
    "autovacuum_analyze_scale_factor": "0.02",
}
_SETTINGS = {
    "journeys": _OFTEN,
    "captures": _OFTEN,
    "authorization_grants": _OFTEN,
    "audit_events": _OFTEN,
    "audit_links": _OFTEN,
    "okta_events": _OFTEN,
    "outbox_messages": _OFTEN,
}


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name, table, column, where in _MADE:
            op.create_index(
                name,
                table,
                [column],
                sqlite_where=sa.text(where),
                postgresql_where=sa.text(where),
                postgresql_concurrently=True,
                if_not_exists=True,
            )
        for name, table, _ in _DROPPED:
            op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)
    if op.get_bind().dialect.name == "postgresql":
        for table, settings in _SETTINGS.items():
            given = ", ".join(f"{name} = {value}" for name, value in settings.items())
            op.execute(f"ALTER TABLE {table} SET ({given})")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table, settings in _SETTINGS.items():
            op.execute(f"ALTER TABLE {table} RESET ({', '.join(settings)})")
    with op.get_context().autocommit_block():
        for name, table, column in _DROPPED:
            op.create_index(name, table, [column], postgresql_concurrently=True, if_not_exists=True)
        for name, table, _, _ in _MADE:
            op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)
