"""Reasons to hold a factor back, and journeys that no client asked for.

Rules for a migration: it is compatible with the release before (a column is removed one release after
the code stopped using it); it takes no long lock (indexes on PostgreSQL are made CONCURRENTLY, no table is
rewritten); it goes down as well as up, and where it cannot, it says why.

Revision: 20261121_0930, after 20261121_0239
"""

import sqlalchemy as sa
from alembic import op

revision = "20261121_0930"
down_revision = "20261121_0239"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "user_holds",
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_user_holds_user_id")),
        sa.PrimaryKeyConstraint("user_id", "reason", name=op.f("pk_user_holds")),
    )
    # Whoever is suspended now, an operator suspended.
    op.execute(
        "INSERT INTO user_holds (user_id, reason, since) "
        "SELECT id, 'operator', updated_at FROM users WHERE status = 'suspended'"
    )
    op.add_column(
        "journeys", sa.Column("purpose", sa.String(length=16), server_default="authorize", nullable=False)
    )
    with op.batch_alter_table("journeys") as journeys:
        journeys.alter_column("client_id", existing_type=sa.String(length=128), nullable=True)


def downgrade() -> None:
    # The journeys of enrolments name no client, which the release before does not know.
    op.execute("DELETE FROM captures WHERE journey_id IN (SELECT id FROM journeys WHERE client_id IS NULL)")
    op.execute("DELETE FROM journeys WHERE client_id IS NULL")
    with op.batch_alter_table("journeys") as journeys:
        journeys.alter_column("client_id", existing_type=sa.String(length=128), nullable=False)
    op.drop_column("journeys", "purpose")
    op.drop_table("user_holds")
