"""Identity verification: pushed requests, flows, and what a trusted record may hold.

Rules for a migration: it is compatible with the release before (a column is removed one release after
the code stopped using it); it takes no long lock (indexes on PostgreSQL are made CONCURRENTLY, no table is
rewritten); it goes down as well as up, and where it cannot, it says why.

Revision: 20261121_0239, after 20261121_0230
"""

import sqlalchemy as sa
from alembic import op

revision = "20261121_0239"
down_revision = "20261121_0230"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pushed_requests",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.String(length=128), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("journey_id", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_pushed_requests")),
    )
    op.create_index(op.f("ix_pushed_requests_expires_at"), "pushed_requests", ["expires_at"], unique=False)
    op.create_table(
        "flows",
        sa.Column("client_id", sa.String(length=128), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("verification_id", sa.String(length=36), nullable=True),
        sa.Column("required_verifiers", sa.JSON(), nullable=False),
        sa.Column("claim_returns", sa.String(length=8), nullable=True),
        sa.Column("name_threshold", sa.Double(), nullable=True),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name=op.f("fk_flows_client_id")),
        sa.ForeignKeyConstraint(
            ["verification_id"], ["verification_configurations.id"], name=op.f("fk_flows_verification_id")
        ),
        sa.PrimaryKeyConstraint("client_id", "name", name=op.f("pk_flows")),
    )
    op.add_column(
        "clients", sa.Column("require_par", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.add_column(
        "clients", sa.Column("claim_encoding", sa.String(length=8), server_default="object", nullable=False)
    )
    op.add_column(
        "clients", sa.Column("claim_returns", sa.String(length=8), server_default="MATCHED", nullable=False)
    )
    op.add_column("clients", sa.Column("name_threshold", sa.Double(), nullable=True))
    op.add_column("clients", sa.Column("trust_frameworks", sa.JSON(), nullable=True))
    op.add_column("users", sa.Column("middle_name", sa.String(length=200), nullable=True))
    op.add_column("users", sa.Column("birthdate", sa.String(length=10), nullable=True))
    op.add_column("users", sa.Column("phone_number", sa.String(length=32), nullable=True))
    op.add_column("users", sa.Column("address", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("users", "address")
    op.drop_column("users", "phone_number")
    op.drop_column("users", "birthdate")
    op.drop_column("users", "middle_name")
    op.drop_column("clients", "trust_frameworks")
    op.drop_column("clients", "name_threshold")
    op.drop_column("clients", "claim_returns")
    op.drop_column("clients", "claim_encoding")
    op.drop_column("clients", "require_par")
    op.drop_table("flows")
    op.drop_index(op.f("ix_pushed_requests_expires_at"), table_name="pushed_requests")
    op.drop_table("pushed_requests")
