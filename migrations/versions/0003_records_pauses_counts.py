"""Adds columns for FairMind's records, deletion and pauses, and tables of idempotency keys and counts."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TO_ERASE = sa.text("deleted_at IS NOT NULL AND erased_at IS NULL")
_CHUNK = 1000


def upgrade() -> None:
    for column in (
        sa.Column("overall_risk", sa.Text(), comment="of the results, for lists and statistics"),
        sa.Column("metrics_passed", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("metrics_failed", sa.Integer(), nullable=False, server_default="0"),
        sa.Column(
            "deleted_at",
            sa.DateTime(timezone=True),
            comment="nobody finds it any more; its run URLs stay",
        ),
        sa.Column(
            "erased_at",
            sa.DateTime(timezone=True),
            comment="the payload is gone: deleted, or pruned",
        ),
    ):
        op.add_column("bias_test_results", column)
    _read_verdicts(op.get_bind())
    for name in ("user_id", "model_id"):
        op.create_index(
            op.f(f"ix_bias_test_results_{name}_created_at"),
            "bias_test_results",
            [name, "created_at"],
        )
    op.create_index(
        "ix_bias_test_results_to_erase",
        "bias_test_results",
        ["deleted_at"],
        sqlite_where=_TO_ERASE,
        postgresql_where=_TO_ERASE,
    )
    op.add_column(
        "provider_state",
        sa.Column(
            "paused_at",
            sa.DateTime(timezone=True),
            comment="an operator holds its deliveries back since then",
        ),
    )
    _create_tables()


def _create_tables() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("key", sa.Text(), nullable=False, comment="as a client of the REST API chose it"),
        sa.Column(
            "digest",
            sa.String(length=64),
            nullable=False,
            comment="of the result that it was used for",
        ),
        sa.Column("result_id", _ID, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["result_id"],
            ["bias_test_results.id"],
            name=op.f("fk_idempotency_keys_result_id_bias_test_results"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_idempotency_keys")),
    )
    op.create_table(
        "attempt_counts",
        sa.Column("provider", sa.String(length=16), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column(
            "error_kind",
            sa.String(length=32),
            nullable=False,
            comment="empty where there is no error",
        ),
        sa.Column("count", _ID, nullable=False),
        sa.PrimaryKeyConstraint(
            "provider", "outcome", "error_kind", name=op.f("pk_attempt_counts")
        ),
    )
    op.create_table(
        "latency_counts",
        sa.Column("provider", sa.String(length=16), nullable=False),
        sa.Column("up_to_seconds", sa.Float(), nullable=False, comment="1e308: no limit"),
        sa.Column("count", _ID, nullable=False),
        sa.Column("total_seconds", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "up_to_seconds", name=op.f("pk_latency_counts")),
    )


def _read_verdicts(connection: sa.Connection) -> None:
    """Fills the new columns from the saved results."""
    table = sa.table(
        "bias_test_results",
        sa.column("id", sa.Integer),
        sa.column("results", sa.Text),
        sa.column("overall_risk", sa.Text),
        sa.column("metrics_passed", sa.Integer),
        sa.column("metrics_failed", sa.Integer),
    )
    last = 0
    while rows := connection.execute(
        sa.select(table.c.id, table.c.results)
        .where(table.c.id > last)
        .order_by(table.c.id)
        .limit(_CHUNK)
    ).all():
        last = rows[-1].id
        connection.execute(
            sa.update(table)
            .where(table.c.id == sa.bindparam("of_id"))
            .values(
                overall_risk=sa.bindparam("risk"),
                metrics_passed=sa.bindparam("passed"),
                metrics_failed=sa.bindparam("failed"),
            ),
            [_verdict(row.id, json.loads(row.results)) for row in rows],
        )


def _verdict(id_: int, results: dict[str, Any]) -> dict[str, Any]:
    risk = results.get("overall_risk")
    return {
        "of_id": id_,
        "risk": risk if isinstance(risk, str) else None,
        "passed": _count(results.get("metrics_passed")),
        "failed": _count(results.get("metrics_failed")),
    }


def _count(value: Any) -> int:
    is_count = isinstance(value, int) and not isinstance(value, bool)
    return value if is_count and 0 <= value < 2**31 else 0


def downgrade() -> None:
    for name in ("latency_counts", "attempt_counts", "idempotency_keys"):
        op.drop_table(name)
    op.drop_column("provider_state", "paused_at")
    op.drop_index("ix_bias_test_results_to_erase", "bias_test_results")
    for name in ("model_id", "user_id"):
        op.drop_index(op.f(f"ix_bias_test_results_{name}_created_at"), "bias_test_results")
    for name in ("erased_at", "deleted_at", "metrics_failed", "metrics_passed", "overall_risk"):
        op.drop_column("bias_test_results", name)
