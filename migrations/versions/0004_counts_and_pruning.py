"""Adds counts of deliveries, kept by triggers, and indexes for backlogs, lists by status and pruning."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_PENDING = sa.text("status = 'pending'")
_WHOLE = sa.text("erased_at IS NULL")
_COUNT = (
    "UPDATE delivery_counts SET count = count {change}"
    " WHERE provider = {row}.provider AND status = {row}.status"
)
_MORE, _LESS = _COUNT.format(change="+ 1", row="NEW"), _COUNT.format(change="- 1", row="OLD")
_TRIGGERS = {
    "count_new_delivery": f"AFTER INSERT ON outbox BEGIN {_MORE}; END",
    "count_changed_delivery": (
        "AFTER UPDATE OF status ON outbox WHEN OLD.status <> NEW.status"
        f" BEGIN {_LESS}; {_MORE}; END"
    ),
    "count_removed_delivery": f"AFTER DELETE ON outbox BEGIN {_LESS}; END",
}


def upgrade() -> None:
    op.create_table(
        "delivery_counts",
        sa.Column("provider", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("count", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.CheckConstraint("count >= 0", name=op.f("ck_delivery_counts_count_not_negative")),
        sa.PrimaryKeyConstraint("provider", "status", name=op.f("pk_delivery_counts")),
    )
    op.execute(
        "INSERT INTO delivery_counts (provider, status, count) SELECT p.name, s.name,"
        " (SELECT count(*) FROM outbox WHERE outbox.provider = p.name AND outbox.status = s.name)"
        " FROM (SELECT 'wandb' AS name UNION ALL SELECT 'mlflow') AS p,"
        " (SELECT 'pending' AS name UNION ALL SELECT 'delivered' UNION ALL SELECT 'dead'"
        " UNION ALL SELECT 'discarded') AS s"
    )
    if op.get_context().dialect.name == "sqlite":
        for name, body in _TRIGGERS.items():
            op.execute(f"CREATE TRIGGER {name} {body}")
    op.create_index(
        "ix_outbox_oldest_pending",
        "outbox",
        ["provider", "created_at"],
        sqlite_where=_PENDING,
        postgresql_where=_PENDING,
    )
    for status in ("pending", "delivered", "dead", "discarded"):
        where = sa.text(f"status = '{status}'")
        op.create_index(
            f"ix_outbox_{status}", "outbox", ["id"], sqlite_where=where, postgresql_where=where
        )
    op.create_index(
        "ix_bias_test_results_to_prune",
        "bias_test_results",
        ["created_at"],
        sqlite_where=_WHOLE,
        postgresql_where=_WHOLE,
    )


def downgrade() -> None:
    op.drop_index("ix_bias_test_results_to_prune", "bias_test_results")
    for status in ("pending", "delivered", "dead", "discarded"):
        op.drop_index(f"ix_outbox_{status}", "outbox")
    op.drop_index("ix_outbox_oldest_pending", "outbox")
    if op.get_context().dialect.name == "sqlite":
        for name in _TRIGGERS:
            op.execute(f"DROP TRIGGER {name}")
    op.drop_table("delivery_counts")
