"""A delivered run's evidence has a state, and a time at which it is tried again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_INDEX = "ix_outbox_evidence_due"
_KNOWN = "evidence_state IN ('stored', 'waiting', 'refused')"


def _columns() -> dict[str, list[sa.Column[object]]]:
    return {
        "outbox": [
            sa.Column("evidence_reason", sa.Text(), comment="why they are not stored"),
            sa.Column(
                "evidence_due_at",
                sa.DateTime(timezone=True),
                comment="when they are tried again; only of a delivered run",
            ),
        ],
        "provider_state": [
            sa.Column(
                "evidence_failing_since",
                sa.DateTime(timezone=True),
                comment="no evidence was stored since then",
            ),
            sa.Column(
                "evidence_next_at",
                sa.DateTime(timezone=True),
                comment="before that no more evidence is tried",
            ),
        ],
    }


def upgrade() -> None:
    # With its check in the same statement: SQLite would copy the whole table for a check that comes later.
    op.execute(
        "ALTER TABLE outbox ADD COLUMN evidence_state VARCHAR(16)"
        f" CONSTRAINT ck_outbox_evidence_state_known CHECK ({_KNOWN})"
    )
    for table, columns in _columns().items():
        for column in columns:
            op.add_column(table, column)
    where = sa.text("evidence_due_at IS NOT NULL")
    op.create_index(
        _INDEX,
        "outbox",
        ["provider", "evidence_due_at", "evidence_state"],
        sqlite_where=where,
        postgresql_where=where,
    )


def downgrade() -> None:
    op.drop_index(_INDEX, "outbox")
    for table, columns in _columns().items():
        for column in columns:
            op.drop_column(table, column.name)
    op.drop_column("outbox", "evidence_state")  # with its check
