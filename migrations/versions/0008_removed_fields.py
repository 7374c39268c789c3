"""A result tells how many private fields were left out of it, by pattern."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    comment = "JSON: how many private fields were left out, by pattern"
    op.add_column("bias_test_results", sa.Column("removed", sa.Text(), comment=comment))


def downgrade() -> None:
    op.drop_column("bias_test_results", "removed")
