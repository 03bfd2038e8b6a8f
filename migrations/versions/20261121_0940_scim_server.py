"""SCIM: groups, members, tokens, and what a client sent about a person.

Rules for a migration: it is compatible with the release before (a column is removed one release after
the code stopped using it); it takes no long lock (indexes on PostgreSQL are made CONCURRENTLY, no table is
rewritten); it goes down as well as up, and where it cannot, it says why.

Revision: 20261121_0940, after 20261121_0930
"""

import sqlalchemy as sa
from alembic import op

revision = "20261121_0940"
down_revision = "20261121_0930"
branch_labels = None
depends_on = None

_ON_USERS = (("ix_users_created_at_id", ["created_at", "id"]), ("ix_users_updated_at", ["updated_at"]))


def upgrade() -> None:
    op.create_table(
        "scim_tokens",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("prefix", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scim_tokens")),
        sa.UniqueConstraint("digest", name=op.f("uq_scim_tokens_digest")),
        sa.UniqueConstraint("name", name=op.f("uq_scim_tokens_name")),
    )
    op.create_table(
        "scim_users",
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("external_id", sa.String(length=255), nullable=True),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.Column("other_emails", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_scim_users_user_id")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_scim_users")),
    )
    op.create_index(op.f("ix_scim_users_external_id"), "scim_users", ["external_id"])
    op.create_table(
        "scim_groups",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("display_name", sa.String(length=255), nullable=False),
        sa.Column("display_key", sa.String(length=255), nullable=False),
        sa.Column("external_id", sa.String(length=255), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scim_groups")),
        sa.UniqueConstraint("display_key", name=op.f("uq_scim_groups_display_key")),
    )
    op.create_index(op.f("ix_scim_groups_external_id"), "scim_groups", ["external_id"])
    op.create_index(op.f("ix_scim_groups_updated_at"), "scim_groups", ["updated_at"])
    op.create_index("ix_scim_groups_created_at_id", "scim_groups", ["created_at", "id"])
    op.create_table(
        "scim_members",
        sa.Column("group_id", sa.String(length=32), nullable=False),
        sa.Column("member", sa.String(length=255), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["group_id"], ["scim_groups.id"], name=op.f("fk_scim_members_group_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_scim_members_user_id")),
        sa.PrimaryKeyConstraint("group_id", "member", name=op.f("pk_scim_members")),
    )
    op.create_index(op.f("ix_scim_members_member"), "scim_members", ["member"])
    op.create_index(op.f("ix_scim_members_user_id"), "scim_members", ["user_id"])
    # Pages of people come in the order of their arrival.
    with op.get_context().autocommit_block():
        for name, columns in _ON_USERS:
            op.create_index(name, "users", columns, postgresql_concurrently=True, if_not_exists=True)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for name, _columns in _ON_USERS:
            op.drop_index(name, "users", postgresql_concurrently=True, if_exists=True)
    for table in ("scim_members", "scim_groups", "scim_users", "scim_tokens"):
        op.drop_table(table)
