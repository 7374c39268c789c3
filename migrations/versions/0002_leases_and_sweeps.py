"""Adds indexes for leases that run out and for unclean attempts, and an offline provider's address."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_LEASED = sa.text("lease_token IS NOT NULL")
_UNCLEAN = sa.text("outcome IS NULL OR outcome <> 'delivered'")


def upgrade() -> None:
    op.create_index(
        "ix_outbox_leased",
        "outbox",
        ["provider", "lease_expires_at"],
        sqlite_where=_LEASED,
        postgresql_where=_LEASED,
    )
    op.create_index(
        "ix_delivery_attempts_unclean",
        "delivery_attempts",
        ["started_at"],
        sqlite_where=_UNCLEAN,
        postgresql_where=_UNCLEAN,
    )
    op.add_column(
        "provider_state",
        sa.Column(
            "address", sa.Text(), comment="where it can't be reached; none where that isn't known"
        ),
    )


def downgrade() -> None:
    op.drop_column("provider_state", "address")
    op.drop_index("ix_delivery_attempts_unclean", "delivery_attempts")
    op.drop_index("ix_outbox_leased", "outbox")
