"""Work that recurs, and how the worker finds what is due.

Rules for a migration: it is compatible with the release before (a column is removed one release after
the code stopped using it); it takes no long lock (indexes on PostgreSQL are made CONCURRENTLY, no table is
rewritten); it goes down as well as up, and where it cannot, it says why.

Revision: 20261121_1020, after 20261121_1010
"""

import sqlalchemy as sa
from alembic import op

revision = "20261121_1020"
down_revision = "20261121_1010"
branch_labels = None
depends_on = None

_TABLE = "outbox_messages"
_HOLDS = "ix_user_holds_since"
_INDEXES = (
    ("ix_outbox_messages_user_id", ["user_id"], None),
    ("ix_outbox_messages_waiting", ["topic", "available_at"], "state = 'waiting'"),
    ("ix_outbox_messages_dead", ["topic", "created_at"], "state = 'dead'"),
    ("ix_outbox_messages_leased", ["topic", "leased_until"], "leased_until IS NOT NULL"),
)


def upgrade() -> None:
    op.create_table(
        "scheduled_jobs",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("succeeded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("milliseconds", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_scheduled_jobs")),
        # What comes before the indexes lasts even where making one fails and the migration is repeated.
        if_not_exists=True,
    )
    present = {column["name"] for column in sa.inspect(op.get_bind()).get_columns(_TABLE)}
    for column in (
        sa.Column("user_id", sa.String(length=32), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
    ):
        if column.name not in present:
            op.add_column(_TABLE, column)
    # Only what is still to be done: those rows are few, and the rest is pruned in time.
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "UPDATE outbox_messages SET user_id = left(payload ->> 'user_id', 32) WHERE state <> 'done'"
        )
    else:
        op.execute(
            "UPDATE outbox_messages SET user_id = substr(json_extract(payload, '$.user_id'), 1, 32) "
            "WHERE state <> 'done'"
        )
    with op.get_context().autocommit_block():
        # Who left long enough ago for their face to be deleted.
        op.create_index(_HOLDS, "user_holds", ["since"], postgresql_concurrently=True, if_not_exists=True)
        for name, columns, where in _INDEXES:
            condition = sa.text(where) if where else None
            op.create_index(
                name,
                _TABLE,
                columns,
                postgresql_where=condition,
                sqlite_where=condition,
                postgresql_concurrently=True,
                if_not_exists=True,
            )
        op.drop_index("ix_outbox_messages_due", _TABLE, postgresql_concurrently=True, if_exists=True)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_outbox_messages_due",
            _TABLE,
            ["state", "available_at"],
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        op.drop_index(_HOLDS, "user_holds", postgresql_concurrently=True, if_exists=True)
        for name, _columns, _where in reversed(_INDEXES):
            op.drop_index(name, _TABLE, postgresql_concurrently=True, if_exists=True)
    op.drop_column(_TABLE, "leased_until")
    op.drop_column(_TABLE, "user_id")
    op.drop_table("scheduled_jobs")
