"""The first tables.

Rules for a migration: it is compatible with the release before (a column is removed one release after
the code stopped using it); it takes no long lock (indexes on PostgreSQL are made CONCURRENTLY, no table is
rewritten); it goes down as well as up, and where it cannot, it says why.

Revision: 20261121_0230, after
"""

import sqlalchemy as sa
from alembic import op

revision = "20261121_0230"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event", sa.String(length=64), nullable=False),
        sa.Column("reference", sa.String(length=16), nullable=True),
        sa.Column("client_id", sa.String(length=128), nullable=True),
        sa.Column("user_id", sa.String(length=32), nullable=True),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_events")),
    )
    op.create_index(op.f("ix_audit_events_at"), "audit_events", ["at"], unique=False)
    op.create_index(op.f("ix_audit_events_reference"), "audit_events", ["reference"], unique=False)
    op.create_index(op.f("ix_audit_events_user_id"), "audit_events", ["user_id"], unique=False)
    op.create_table(
        "client_assertions",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_client_assertions")),
    )
    op.create_index(
        op.f("ix_client_assertions_expires_at"), "client_assertions", ["expires_at"], unique=False
    )
    op.create_table(
        "outbox_messages",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("topic", sa.String(length=64), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("available_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("receipt", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_messages")),
    )
    op.create_index("ix_outbox_messages_due", "outbox_messages", ["state", "available_at"], unique=False)
    op.create_index(op.f("ix_outbox_messages_ended_at"), "outbox_messages", ["ended_at"], unique=False)
    op.create_table(
        "session_notices",
        sa.Column("session_id", sa.String(length=64), nullable=False),
        sa.Column("verification_id", sa.String(length=36), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_session_notices")),
    )
    op.create_index(op.f("ix_session_notices_received_at"), "session_notices", ["received_at"], unique=False)
    op.create_table(
        "signing_keys",
        sa.Column("kid", sa.String(length=64), nullable=False),
        sa.Column("alg", sa.String(length=8), nullable=False),
        sa.Column("private_sealed", sa.Text(), nullable=False),
        sa.Column("public_jwk", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("active_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_signing_keys")),
    )
    op.create_index(op.f("ix_signing_keys_alg"), "signing_keys", ["alg"], unique=False)
    op.create_table(
        "users",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("login", sa.String(length=320), nullable=False),
        sa.Column("login_key", sa.String(length=320), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=True),
        sa.Column("email_key", sa.String(length=320), nullable=True),
        sa.Column("given_name", sa.String(length=200), nullable=True),
        sa.Column("family_name", sa.String(length=200), nullable=True),
        sa.Column("okta_id", sa.String(length=64), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("login_key", name=op.f("uq_users_login_key")),
        sa.UniqueConstraint("okta_id", name=op.f("uq_users_okta_id")),
    )
    op.create_index(op.f("ix_users_email_key"), "users", ["email_key"], unique=False)
    op.create_table(
        "verification_configurations",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("region", sa.String(length=8), nullable=False),
        sa.Column("service_url", sa.String(length=2048), nullable=False),
        sa.Column("api_url", sa.String(length=2048), nullable=False),
        sa.Column("api_key_sealed", sa.Text(), nullable=False),
        sa.Column("match_mode", sa.String(length=8), nullable=False),
        sa.Column("required_verifiers", sa.JSON(), nullable=False),
        sa.Column("sign_locally", sa.Boolean(), nullable=False),
        sa.Column("result_order", sa.JSON(), nullable=True),
        sa.Column("order_candidate", sa.JSON(), nullable=True),
        sa.Column("face_ids_stable", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verification_configurations")),
    )
    op.create_table(
        "clients",
        sa.Column("id", sa.String(length=128), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("profile", sa.String(length=16), nullable=False),
        sa.Column("verification_id", sa.String(length=36), nullable=False),
        sa.Column("redirect_uris", sa.JSON(), nullable=False),
        sa.Column("enrolment_policy", sa.String(length=16), nullable=False),
        sa.Column("require_pkce", sa.Boolean(), nullable=False),
        sa.Column("id_token_alg", sa.String(length=8), nullable=False),
        sa.Column("request_object_algs", sa.JSON(), nullable=False),
        sa.Column("jwks", sa.JSON(), nullable=True),
        sa.Column("jwks_uri", sa.String(length=2048), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["verification_id"], ["verification_configurations.id"], name=op.f("fk_clients_verification_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clients")),
    )
    op.create_index(op.f("ix_clients_verification_id"), "clients", ["verification_id"], unique=False)
    op.create_table(
        "enrolments",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("verification_id", sa.String(length=36), nullable=False),
        sa.Column("external_id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("journey_id", sa.String(length=32), nullable=True),
        sa.Column("face_id", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_enrolments_user_id")),
        sa.ForeignKeyConstraint(
            ["verification_id"],
            ["verification_configurations.id"],
            name=op.f("fk_enrolments_verification_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolments")),
        sa.UniqueConstraint("external_id", name=op.f("uq_enrolments_external_id")),
        sa.UniqueConstraint("user_id", "verification_id", name=op.f("uq_enrolments_user_id_verification_id")),
    )
    op.create_index(op.f("ix_enrolments_journey_id"), "enrolments", ["journey_id"], unique=False)
    op.create_index(op.f("ix_enrolments_verification_id"), "enrolments", ["verification_id"], unique=False)
    op.create_table(
        "client_secrets",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("client_id", sa.String(length=128), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name=op.f("fk_client_secrets_client_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_client_secrets")),
    )
    op.create_index(op.f("ix_client_secrets_client_id"), "client_secrets", ["client_id"], unique=False)
    op.create_table(
        "journeys",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("reference", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("client_id", sa.String(length=128), nullable=False),
        sa.Column("verification_id", sa.String(length=36), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("integrity_proven", sa.Boolean(), nullable=False),
        sa.Column("browser_digest", sa.String(length=64), nullable=False),
        sa.Column("account", sa.String(length=320), nullable=True),
        sa.Column("user_id", sa.String(length=32), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("links", sa.Integer(), nullable=False),
        sa.Column("attempts_allowed", sa.Integer(), nullable=False),
        sa.Column("refusal", sa.String(length=64), nullable=True),
        sa.Column("consent_version", sa.String(length=32), nullable=True),
        sa.Column("consented_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("enrolment_id", sa.String(length=32), nullable=True),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name=op.f("fk_journeys_client_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_journeys_user_id")),
        sa.ForeignKeyConstraint(
            ["verification_id"], ["verification_configurations.id"], name=op.f("fk_journeys_verification_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journeys")),
        sa.UniqueConstraint("reference", name=op.f("uq_journeys_reference")),
    )
    op.create_index(op.f("ix_journeys_client_id"), "journeys", ["client_id"], unique=False)
    op.create_index(op.f("ix_journeys_ended_at"), "journeys", ["ended_at"], unique=False)
    op.create_index(op.f("ix_journeys_expires_at"), "journeys", ["expires_at"], unique=False)
    op.create_index(op.f("ix_journeys_user_id"), "journeys", ["user_id"], unique=False)
    op.create_table(
        "authorization_grants",
        sa.Column("code_digest", sa.String(length=64), nullable=False),
        sa.Column("journey_id", sa.String(length=32), nullable=False),
        sa.Column("client_id", sa.String(length=128), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=True),
        sa.Column("redirect_uri", sa.String(length=2048), nullable=False),
        sa.Column("scope", sa.String(length=1024), nullable=False),
        sa.Column("code_challenge", sa.String(length=128), nullable=True),
        sa.Column("id_token_claims", sa.JSON(), nullable=False),
        sa.Column("userinfo_claims", sa.JSON(), nullable=False),
        sa.Column("confirms_enrolment", sa.String(length=32), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("redeemed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("access_digest", sa.String(length=64), nullable=True),
        sa.Column("access_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["journey_id"], ["journeys.id"], name=op.f("fk_authorization_grants_journey_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_authorization_grants_user_id")),
        sa.PrimaryKeyConstraint("code_digest", name=op.f("pk_authorization_grants")),
        sa.UniqueConstraint("access_digest", name=op.f("uq_authorization_grants_access_digest")),
    )
    op.create_index(
        op.f("ix_authorization_grants_expires_at"), "authorization_grants", ["expires_at"], unique=False
    )
    op.create_index(
        op.f("ix_authorization_grants_journey_id"), "authorization_grants", ["journey_id"], unique=False
    )
    op.create_index(
        op.f("ix_authorization_grants_user_id"), "authorization_grants", ["user_id"], unique=False
    )
    op.create_table(
        "captures",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("journey_id", sa.String(length=32), nullable=False),
        sa.Column("state_digest", sa.String(length=64), nullable=False),
        sa.Column("external_id", sa.String(length=64), nullable=False),
        sa.Column("enrolment_id", sa.String(length=32), nullable=False),
        sa.Column("enrols", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("session_id", sa.String(length=64), nullable=True),
        sa.Column("passed", sa.Boolean(), nullable=True),
        sa.Column("reason", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["journey_id"], ["journeys.id"], name=op.f("fk_captures_journey_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_captures")),
        sa.UniqueConstraint("session_id", name=op.f("uq_captures_session_id")),
        sa.UniqueConstraint("state_digest", name=op.f("uq_captures_state_digest")),
    )
    op.create_index(op.f("ix_captures_journey_id"), "captures", ["journey_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_captures_journey_id"), table_name="captures")
    op.drop_table("captures")
    op.drop_index(op.f("ix_authorization_grants_user_id"), table_name="authorization_grants")
    op.drop_index(op.f("ix_authorization_grants_journey_id"), table_name="authorization_grants")
    op.drop_index(op.f("ix_authorization_grants_expires_at"), table_name="authorization_grants")
    op.drop_table("authorization_grants")
    op.drop_index(op.f("ix_journeys_user_id"), table_name="journeys")
    op.drop_index(op.f("ix_journeys_expires_at"), table_name="journeys")
    op.drop_index(op.f("ix_journeys_ended_at"), table_name="journeys")
    op.drop_index(op.f("ix_journeys_client_id"), table_name="journeys")
    op.drop_table("journeys")
    op.drop_index(op.f("ix_client_secrets_client_id"), table_name="client_secrets")
    op.drop_table("client_secrets")
    op.drop_index(op.f("ix_enrolments_verification_id"), table_name="enrolments")
    op.drop_index(op.f("ix_enrolments_journey_id"), table_name="enrolments")
    op.drop_table("enrolments")
    op.drop_index(op.f("ix_clients_verification_id"), table_name="clients")
    op.drop_table("clients")
    op.drop_table("verification_configurations")
    op.drop_index(op.f("ix_users_email_key"), table_name="users")
    op.drop_table("users")
    op.drop_index(op.f("ix_signing_keys_alg"), table_name="signing_keys")
    op.drop_table("signing_keys")
    op.drop_index(op.f("ix_session_notices_received_at"), table_name="session_notices")
    op.drop_table("session_notices")
    op.drop_index(op.f("ix_outbox_messages_ended_at"), table_name="outbox_messages")
    op.drop_index("ix_outbox_messages_due", table_name="outbox_messages")
    op.drop_table("outbox_messages")
    op.drop_index(op.f("ix_client_assertions_expires_at"), table_name="client_assertions")
    op.drop_table("client_assertions")
    op.drop_index(op.f("ix_audit_events_user_id"), table_name="audit_events")
    op.drop_index(op.f("ix_audit_events_reference"), table_name="audit_events")
    op.drop_index(op.f("ix_audit_events_at"), table_name="audit_events")
    op.drop_table("audit_events")
