"""Creates the tables of results, the outbox and its attempts, provider state and heartbeats."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bias_test_results",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("test_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False, comment="empty where none was given"),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("model_id", sa.Text(), nullable=False),
        sa.Column("dataset_id", sa.Text(), nullable=False, comment="empty where none was given"),
        sa.Column("test_type", sa.Text(), nullable=False),
        sa.Column(
            "results",
            sa.Text(),
            nullable=False,
            comment="JSON; NaN and Infinity as Python writes them",
        ),
        sa.Column(
            "metadata",
            sa.Text(),
            nullable=False,
            comment="JSON; NaN and Infinity as Python writes them",
        ),
        sa.Column(
            "digest", sa.String(length=64), nullable=False, comment="SHA-256 of the content, in hex"
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("test_id <> ''", name=op.f("ck_bias_test_results_test_id_given")),
        sa.CheckConstraint(
            "length(digest) = 64", name=op.f("ck_bias_test_results_digest_is_sha256")
        ),
        sa.CheckConstraint(
            "revision >= 1", name=op.f("ck_bias_test_results_revision_counts_from_one")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bias_test_results")),
        sa.UniqueConstraint(
            "user_id", "test_id", "digest", name=op.f("uq_bias_test_results_user_id_test_id_digest")
        ),
        sa.UniqueConstraint(
            "user_id",
            "test_id",
            "revision",
            name=op.f("uq_bias_test_results_user_id_test_id_revision"),
        ),
    )
    op.create_index(
        op.f("ix_bias_test_results_test_id"), "bias_test_results", ["test_id"], unique=False
    )

    op.create_table(
        "daemon_heartbeats",
        sa.Column("daemon_id", sa.String(length=32), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("daemon_id", name=op.f("pk_daemon_heartbeats")),
    )
    op.create_table(
        "provider_state",
        sa.Column("provider", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True, comment="what to fix, in words"),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_probe_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_success_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'ready') = (next_probe_at IS NULL)",
            name=op.f("ck_provider_state_unready_has_a_probe"),
        ),
        sa.CheckConstraint(
            "provider IN ('wandb', 'mlflow')", name=op.f("ck_provider_state_provider_known")
        ),
        sa.CheckConstraint(
            "state IN ('ready', 'offline', 'blocked')", name=op.f("ck_provider_state_state_known")
        ),
        sa.PrimaryKeyConstraint("provider", name=op.f("pk_provider_state")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "result_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("provider", sa.String(length=16), nullable=False),
        sa.Column("delivery_key", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column(
            "due_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="when the next attempt may start",
        ),
        sa.Column("lease_token", sa.String(length=32), nullable=True),
        sa.Column("lease_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "create_attempted_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="a run may exist since then, id unknown",
        ),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column(
            "run_url",
            sa.Text(),
            nullable=True,
            comment="as the provider gave it; none where it has no pages",
        ),
        sa.Column(
            "destination",
            sa.Text(),
            nullable=True,
            comment="where the run is: entity/project, or URI and experiment",
        ),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("last_error_kind", sa.String(length=32), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(finished_at IS NULL) = (status = 'pending')",
            name=op.f("ck_outbox_finished_has_a_time"),
        ),
        sa.CheckConstraint(
            "lease_token IS NULL OR status = 'pending'",
            name=op.f("ck_outbox_only_pending_is_leased"),
        ),
        sa.CheckConstraint(
            "provider IN ('wandb', 'mlflow')", name=op.f("ck_outbox_provider_known")
        ),
        sa.CheckConstraint(
            "status <> 'delivered' OR run_id IS NOT NULL",
            name=op.f("ck_outbox_delivered_has_a_run"),
        ),
        sa.CheckConstraint(
            "status IN ('pending', 'delivered', 'dead', 'discarded')",
            name=op.f("ck_outbox_status_known"),
        ),
        sa.CheckConstraint(
            "(lease_token IS NULL) = (lease_expires_at IS NULL)",
            name=op.f("ck_outbox_lease_has_token_and_expiry"),
        ),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_outbox_attempts_not_negative")),
        sa.ForeignKeyConstraint(
            ["result_id"],
            ["bias_test_results.id"],
            name=op.f("fk_outbox_result_id_bias_test_results"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("delivery_key", name=op.f("uq_outbox_delivery_key")),
        sa.UniqueConstraint("result_id", "provider", name=op.f("uq_outbox_result_id_provider")),
    )
    op.create_index(
        "ix_outbox_claimable",
        "outbox",
        ["provider", "due_at"],
        unique=False,
        sqlite_where=sa.text("status = 'pending'"),
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_index(
        "ix_outbox_run",
        "outbox",
        ["provider", "run_id"],
        unique=False,
        sqlite_where=sa.text("run_id IS NOT NULL"),
        postgresql_where=sa.text("run_id IS NOT NULL"),
    )

    op.create_table(
        "delivery_attempts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "delivery_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("lease_token", sa.String(length=32), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False, comment="host:pid"),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "finished_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="none: it is under way, or its worker died",
        ),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("error_kind", sa.String(length=32), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('delivered', 'retry', 'dead', 'released')",
            name=op.f("ck_delivery_attempts_outcome_known"),
        ),
        sa.CheckConstraint(
            "(finished_at IS NULL) = (outcome IS NULL)",
            name=op.f("ck_delivery_attempts_finished_has_an_outcome"),
        ),
        sa.ForeignKeyConstraint(
            ["delivery_id"],
            ["outbox.id"],
            name=op.f("fk_delivery_attempts_delivery_id_outbox"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_attempts")),
        sa.UniqueConstraint(
            "delivery_id", "lease_token", name=op.f("uq_delivery_attempts_delivery_id_lease_token")
        ),
    )


def downgrade() -> None:
    op.drop_table("delivery_attempts")
    op.drop_index(
        "ix_outbox_run",
        table_name="outbox",
        sqlite_where=sa.text("run_id IS NOT NULL"),
        postgresql_where=sa.text("run_id IS NOT NULL"),
    )
    op.drop_index(
        "ix_outbox_claimable",
        table_name="outbox",
        sqlite_where=sa.text("status = 'pending'"),
        postgresql_where=sa.text("status = 'pending'"),
    )

    op.drop_table("outbox")
    op.drop_table("provider_state")
    op.drop_table("daemon_heartbeats")
    op.drop_index(op.f("ix_bias_test_results_test_id"), table_name="bias_test_results")

    op.drop_table("bias_test_results")
