"""Invitations to enrol.

Rules for a migration: it is compatible with the release before (a column is removed one release after
the code stopped using it); it takes no long lock (indexes on PostgreSQL are made CONCURRENTLY, no table is
rewritten); it goes down as well as up, and where it cannot, it says why.

Revision: 20261121_1010, after 20261121_1000
"""

import sqlalchemy as sa
from alembic import op

revision = "20261121_1010"
down_revision = "20261121_1000"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "invitations",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("verification_id", sa.String(length=36), nullable=False),
        sa.Column("how", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_as", sa.String(length=16), nullable=True),
        sa.Column("reminders", sa.Integer(), nullable=False),
        sa.Column("next_reminder_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_invitations_user_id")),
        sa.ForeignKeyConstraint(
            ["verification_id"],
            ["verification_configurations.id"],
            name=op.f("fk_invitations_verification_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitations")),
    )
    op.create_index(
        "uq_invitations_open",
        "invitations",
        ["user_id", "verification_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    for column in ("user_id", "expires_at", "next_reminder_at"):
        op.create_index(op.f(f"ix_invitations_{column}"), "invitations", [column])


def downgrade() -> None:
    for column in ("next_reminder_at", "expires_at", "user_id"):
        op.drop_index(op.f(f"ix_invitations_{column}"), table_name="invitations")
    op.drop_index("uq_invitations_open", table_name="invitations")
    op.drop_table("invitations")
