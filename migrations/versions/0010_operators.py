"""What operators did is kept, what a webhook is told, and each provider's backlog over time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TIME = sa.DateTime(timezone=True)
_AT_RISK = sa.text("overall_risk IS NOT NULL")


def _text(name: str, comment: str, *, nullable: bool = True) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable, comment=comment)


def upgrade() -> None:
    comment = (
        "the whole test, as the result says; none: it says nothing, or is of before this column"
    )
    op.add_column("bias_test_results", sa.Column("has_passed", sa.Boolean(), comment=comment))
    op.create_table(
        "operator_actions",
        sa.Column("id", _ID, nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        _text("who", "as they signed in, their account, or the user of the result", nullable=False),
        _text(
            "origin", "command line, page, REST API or Python, and from which host", nullable=False
        ),
        sa.Column("provider", sa.String(16)),
        _text("subject", "the deliveries or the test that it was about", nullable=False),
        sa.Column("count", sa.Integer(), nullable=False, comment="how many changed"),
        _text("reason", "as the operator gave it"),
        sa.CheckConstraint(
            "action IN ('retry', 'discard', 'pause', 'resume', 'backfill', 'delete')",
            name=op.f("ck_operator_actions_action_known"),
        ),
        sa.CheckConstraint("count >= 0", name=op.f("ck_operator_actions_count_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operator_actions")),
    )
    op.create_table(
        "webhook_events",
        sa.Column("id", _ID, nullable=False),
        _text("event_key", "one event is told once, whoever notices it", nullable=False),
        _text("body", "JSON, as it is sent", nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", _TIME, comment="when it is sent, or sent again; none: it is over"),
        sa.Column("sent_at", _TIME),
        _text("last_error", "why it was not taken"),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_webhook_events_attempts_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_events")),
        sa.UniqueConstraint("event_key", name=op.f("uq_webhook_events_event_key")),
    )
    op.create_table(
        "provider_samples",
        sa.Column("provider", sa.String(16), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("pending", _ID, nullable=False),
        sa.Column("dead", _ID, nullable=False),
        sa.Column("delivered", _ID, nullable=False, comment="ever since the beginning"),
        sa.Column("seconds", sa.Float(), nullable=False, comment="that these took, all together"),
        sa.PrimaryKeyConstraint("provider", "at", name=op.f("pk_provider_samples")),
    )
    op.create_index(
        "ix_bias_test_results_risk",
        "bias_test_results",
        ["overall_risk", "id"],
        sqlite_where=_AT_RISK,
        postgresql_where=_AT_RISK,
    )


def downgrade() -> None:
    op.drop_index("ix_bias_test_results_risk", "bias_test_results")
    op.drop_table("provider_samples")
    op.drop_table("webhook_events")
    op.drop_table("operator_actions")
    op.drop_column("bias_test_results", "has_passed")
