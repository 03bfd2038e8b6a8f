"""The connection to an Okta organisation, and the registration attribute.

Rules for a migration: it is compatible with the release before (a column is removed one release after
the code stopped using it); it takes no long lock (indexes on PostgreSQL are made CONCURRENTLY, no table is
rewritten); it goes down as well as up, and where it cannot, it says why.

Revision: 20261121_0950, after 20261121_0940
"""

import sqlalchemy as sa
from alembic import op

revision = "20261121_0950"
down_revision = "20261121_0940"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "okta_connections",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("org_url", sa.String(length=512), nullable=False),
        sa.Column("credential_kind", sa.String(length=16), nullable=False),
        sa.Column("client_id", sa.String(length=128), nullable=True),
        sa.Column("credential_sealed", sa.Text(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("attribute", sa.String(length=64), nullable=False),
        sa.Column("group_id", sa.String(length=64), nullable=True),
        sa.Column("group_name", sa.String(length=255), nullable=True),
        sa.Column("sign_in_client_id", sa.String(length=128), nullable=True),
        sa.Column("sign_in_secret_sealed", sa.Text(), nullable=True),
        sa.Column("sign_in_issuer", sa.String(length=512), nullable=True),
        sa.Column("checks", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_okta_connections")),
    )
    op.create_table(
        "okta_hook_secrets",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_okta_hook_secrets")),
        sa.UniqueConstraint("digest", name=op.f("uq_okta_hook_secrets_digest")),
    )
    op.create_table(
        "okta_registrations",
        sa.Column("okta_id", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Boolean(), nullable=True),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_token", sa.String(length=32), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("okta_id", name=op.f("pk_okta_registrations")),
    )
    op.create_table(
        "okta_pauses",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("group_id", sa.String(length=64), nullable=True),
        sa.Column("group_name", sa.String(length=255), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_okta_pauses")),
    )
    op.create_index(op.f("ix_okta_pauses_ended_at"), "okta_pauses", ["ended_at"], unique=False)
    op.create_table(
        "okta_paused_people",
        sa.Column("pause_id", sa.String(length=32), nullable=False),
        sa.Column("okta_id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("pause_id", "okta_id", name=op.f("pk_okta_paused_people")),
    )
    op.create_index(op.f("ix_okta_paused_people_okta_id"), "okta_paused_people", ["okta_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_okta_paused_people_okta_id"), table_name="okta_paused_people")
    op.drop_table("okta_paused_people")
    op.drop_index(op.f("ix_okta_pauses_ended_at"), table_name="okta_pauses")
    op.drop_table("okta_pauses")
    op.drop_table("okta_registrations")
    op.drop_table("okta_hook_secrets")
    op.drop_table("okta_connections")
