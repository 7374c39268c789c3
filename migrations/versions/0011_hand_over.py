"""Deliveries can be handed over to another site, by bundles; receipts bring home what became of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TIME = sa.DateTime(timezone=True)
_HANDED_OVER, _HELD = sa.text("status = 'handed_over'"), sa.text("taken_back_at IS NULL")
_ACTIONS = "'retry', 'discard', 'pause', 'resume', 'backfill', 'delete'"
_CHANGED = {
    ("outbox", "status_known"): (
        "status IN ('pending', 'delivered', 'dead', 'discarded')",
        "status IN ('pending', 'handed_over', 'delivered', 'dead', 'discarded')",
    ),
    ("outbox", "finished_has_a_time"): (
        "(finished_at IS NULL) = (status = 'pending')",
        "(finished_at IS NULL) = (status IN ('pending', 'handed_over'))",
    ),
    ("operator_actions", "action_known"): (
        f"action IN ({_ACTIONS})",
        f"action IN ({_ACTIONS}, 'trust', 'distrust', 'export', 'import', 'receipts', 'take back')",
    ),
}
"""Conditions of a table's checks, as they were and as they are."""


def upgrade() -> None:
    _change_checks(was=0, will_be=1)
    op.create_index(
        "ix_outbox_handed_over",
        "outbox",
        ["result_id", "provider"],
        sqlite_where=_HANDED_OVER,
        postgresql_where=_HANDED_OVER,
    )
    _create_sites()
    _create_hand_overs()


def downgrade() -> None:
    for table in ("arrivals", "hand_overs", "bundles", "trusted_sites", "own_site"):
        op.drop_table(table)
    op.drop_index("ix_outbox_handed_over", "outbox")
    op.execute(
        "UPDATE outbox SET status = 'dead', finished_at = created_at,"
        " last_error = 'it was handed over to another site' WHERE status = 'handed_over'"
    )
    op.execute(f"DELETE FROM operator_actions WHERE action NOT IN ({_ACTIONS})")
    _change_checks(was=1, will_be=0)


def _create_sites() -> None:
    op.create_table(
        "own_site",
        sa.Column("id", _ID, nullable=False, comment="1: there is one"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "public_keys",
            sa.Text(),
            nullable=False,
            comment="public, in base64; the private ones are in a file",
        ),
        sa.Column(
            "last_sequence",
            _ID,
            nullable=False,
            comment="of the newest receipts that were written",
        ),
        sa.CheckConstraint("id = 1", name=op.f("ck_own_site_one_site")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_own_site")),
    )
    op.create_table(
        "trusted_sites",
        sa.Column("fingerprint", sa.String(32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("public_keys", sa.Text(), nullable=False, comment="public, in base64"),
        sa.Column("trusted_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_trusted_sites")),
        sa.UniqueConstraint("name", name=op.f("uq_trusted_sites_name")),
    )
    op.create_table(
        "bundles",
        sa.Column("id", _ID, nullable=False),
        sa.Column("direction", sa.String(8), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column(
            "bundle_key",
            sa.String(32),
            nullable=False,
            comment="random, of the site that wrote it",
        ),
        sa.Column("site", sa.String(32), nullable=False, comment="whom it went to, or came from"),
        sa.Column("site_name", sa.Text(), nullable=False, comment="what that site was called then"),
        sa.Column("at", _TIME, nullable=False, comment="when it was written, or first read, here"),
        sa.Column("deliveries", sa.Integer(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.CheckConstraint("direction IN ('out', 'in')", name=op.f("ck_bundles_direction_known")),
        sa.CheckConstraint("kind IN ('results', 'receipts')", name=op.f("ck_bundles_kind_known")),
        sa.CheckConstraint("deliveries >= 0", name=op.f("ck_bundles_deliveries_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bundles")),
        sa.UniqueConstraint(
            "bundle_key", "direction", name=op.f("uq_bundles_bundle_key_direction")
        ),
    )


def _create_hand_overs() -> None:
    op.create_table(
        "hand_overs",
        sa.Column("delivery_id", _ID, nullable=False),
        sa.Column(
            "site",
            sa.String(32),
            nullable=False,
            comment="whom the delivery was handed over to",
        ),
        sa.Column(
            "bundle_key",
            sa.String(32),
            nullable=False,
            comment="of the newest bundle that has it",
        ),
        sa.Column(
            "epoch", sa.Integer(), nullable=False, comment="grows with each export and each retry"
        ),
        sa.Column("handed_over_at", _TIME, nullable=False),
        sa.Column("taken_back_at", _TIME, comment="none: that site delivers it, and no other does"),
        sa.Column(
            "heard_epoch",
            sa.Integer(),
            nullable=False,
            comment="what that site's receipts know; 0: none",
        ),
        sa.Column("heard_sequence", _ID, nullable=False, comment="of the newest receipts with it"),
        sa.Column("heard_at", _TIME),
        sa.CheckConstraint("epoch >= 1", name=op.f("ck_hand_overs_epoch_counts_from_one")),
        _of_delivery("hand_overs"),
        sa.PrimaryKeyConstraint("delivery_id", "site", name=op.f("pk_hand_overs")),
    )
    op.create_index(
        "ix_hand_overs_held",
        "hand_overs",
        ["delivery_id", "site"],
        sqlite_where=_HELD,
        postgresql_where=_HELD,
    )
    op.create_index(op.f("ix_hand_overs_bundle_key"), "hand_overs", ["bundle_key"])
    op.create_table(
        "arrivals",
        sa.Column("site", sa.String(32), nullable=False, comment="that the delivery came from"),
        sa.Column("delivery_key", sa.String(32), nullable=False, comment="as that site has it"),
        sa.Column(
            "delivery_id",
            _ID,
            nullable=False,
            comment="here; of another key, if the result was owed already",
        ),
        sa.Column(
            "bundle_key",
            sa.String(32),
            nullable=False,
            comment="of the bundle that first had it",
        ),
        sa.Column("epoch", sa.Integer(), nullable=False, comment="the newest that came"),
        sa.Column("arrived_at", _TIME, nullable=False),
        sa.CheckConstraint("epoch >= 1", name=op.f("ck_arrivals_epoch_counts_from_one")),
        _of_delivery("arrivals"),
        sa.PrimaryKeyConstraint("site", "delivery_key", name=op.f("pk_arrivals")),
    )
    op.create_index(op.f("ix_arrivals_delivery_id"), "arrivals", ["delivery_id"])


def _of_delivery(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_delivery_id_outbox")
    return sa.ForeignKeyConstraint(["delivery_id"], ["outbox.id"], name=name, ondelete="CASCADE")


def _change_checks(*, was: int, will_be: int) -> None:
    if op.get_context().dialect.name == "sqlite":
        for table in dict.fromkeys(table for table, _ in _CHANGED):
            _rewrite(
                table,
                [(each[was], each[will_be]) for (of, _), each in _CHANGED.items() if of == table],
            )
        return
    for (table, name), conditions in _CHANGED.items():
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table, type_="check")
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, conditions[will_be])


def _rewrite(table: str, conditions: list[tuple[str, str]]) -> None:
    """Makes the table anew with other conditions: SQLite can't change a constraint in place.

    Its indexes and triggers are dropped with the table, and made again.
    """
    connection = op.get_bind()
    definition = connection.execute(
        sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :table"),
        {"table": table},
    ).scalar_one()
    beside = connection.execute(
        sa.text(
            "SELECT sql FROM sqlite_master WHERE type IN ('index', 'trigger')"
            " AND tbl_name = :table AND sql IS NOT NULL ORDER BY type"
        ),
        {"table": table},
    ).scalars()
    made_anew = [*beside]
    for was, will_be in conditions:
        if definition.count(was) != 1:
            raise RuntimeError(f"the table {table} isn't what the migrations before have made")
        definition = definition.replace(was, will_be)
    op.execute(f"CREATE TABLE {table}_anew {definition[definition.index('(') :]}")
    op.execute(f"INSERT INTO {table}_anew SELECT * FROM {table}")
    op.execute(f"DROP TABLE {table}")
    op.execute(f"ALTER TABLE {table}_anew RENAME TO {table}")
    for statement in made_anew:
        connection.exec_driver_sql(statement)
