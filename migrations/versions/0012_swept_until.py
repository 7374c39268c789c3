"""Each provider knows up to which attempt it was swept: a machine that slept for days forgets none."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    comment = "no attempt that began before needs a sweep any more"
    swept_until = sa.Column("swept_until", sa.DateTime(timezone=True), comment=comment)
    op.add_column("provider_state", swept_until)
    op.execute("UPDATE provider_state SET swept_until = last_success_at")


def downgrade() -> None:
    op.drop_column("provider_state", "swept_until")
