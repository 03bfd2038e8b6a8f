"""Events from Okta, and what they last said about a person.

Rules for a migration: it is compatible with the release before (a column is removed one release after
the code stopped using it); it takes no long lock (indexes on PostgreSQL are made CONCURRENTLY, no table is
rewritten); it goes down as well as up, and where it cannot, it says why.

Revision: 20261121_1000, after 20261121_0950
"""

import sqlalchemy as sa
from alembic import op

revision = "20261121_1000"
down_revision = "20261121_0950"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "okta_events",
        sa.Column("uuid", sa.String(length=64), nullable=False),
        sa.Column("okta_id", sa.String(length=64), nullable=False),
        sa.Column("batch", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=8), nullable=False),
        sa.Column("event_type", sa.String(length=128), nullable=False),
        sa.Column("published", sa.DateTime(timezone=True), nullable=False),
        sa.Column("login", sa.String(length=320), nullable=True),
        sa.Column("groups", sa.JSON(), nullable=False),
        sa.Column("succeeded", sa.Boolean(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.PrimaryKeyConstraint("uuid", "okta_id", name=op.f("pk_okta_events")),
    )
    op.create_index(op.f("ix_okta_events_okta_id"), "okta_events", ["okta_id"], unique=False)
    op.create_index(op.f("ix_okta_events_batch"), "okta_events", ["batch"], unique=False)
    op.create_index(op.f("ix_okta_events_received_at"), "okta_events", ["received_at"], unique=False)
    op.create_table(
        "okta_facts",
        sa.Column("okta_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("value", sa.Boolean(), nullable=False),
        sa.Column("published", sa.DateTime(timezone=True), nullable=False),
        sa.Column("applied", sa.Boolean(), nullable=False),
        sa.Column("login", sa.String(length=320), nullable=True),
        sa.PrimaryKeyConstraint("okta_id", "kind", name=op.f("pk_okta_facts")),
    )
    op.create_index("ix_okta_facts_kind_published", "okta_facts", ["kind", "published"], unique=False)
    op.create_table(
        "okta_reconciliations",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("token", sa.String(length=32), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("phase", sa.String(length=8), nullable=False),
        sa.Column("after", sa.Text(), nullable=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("forced", sa.Boolean(), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.Column("read_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_okta_reconciliations")),
    )
    op.create_table(
        "okta_readings",
        sa.Column("okta_id", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("registered", sa.Boolean(), nullable=True),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("okta_id", name=op.f("pk_okta_readings")),
    )


def downgrade() -> None:
    op.drop_table("okta_readings")
    op.drop_table("okta_reconciliations")
    op.drop_index("ix_okta_facts_kind_published", table_name="okta_facts")
    op.drop_table("okta_facts")
    op.drop_index(op.f("ix_okta_events_received_at"), table_name="okta_events")
    op.drop_index(op.f("ix_okta_events_batch"), table_name="okta_events")
    op.drop_index(op.f("ix_okta_events_okta_id"), table_name="okta_events")
    op.drop_table("okta_events")
