"""Adds PostgreSQL's triggers for counts and notifications, and indexes for lists in the results' order."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_STATUSES = ("pending", "delivered", "dead", "discarded")
_COUNTED = (
    "INSERT INTO delivery_counts (provider, status, count) SELECT p.name, s.name,"
    " (SELECT count(*) FROM outbox WHERE outbox.provider = p.name AND outbox.status = s.name)"
    " FROM (SELECT 'wandb' AS name UNION ALL SELECT 'mlflow') AS p,"
    " (SELECT 'pending' AS name UNION ALL SELECT 'delivered' UNION ALL SELECT 'dead'"
    " UNION ALL SELECT 'discarded') AS s"
)

# SQLite has one writer at a time, so one row counts each pair of provider and status.
_COUNT = (
    "UPDATE delivery_counts SET count = count {change}"
    " WHERE provider = {row}.provider AND status = {row}.status"
)
_MORE, _LESS = _COUNT.format(change="+ 1", row="NEW"), _COUNT.format(change="- 1", row="OLD")
_SQLITE_TRIGGERS = {
    "count_new_delivery": f"AFTER INSERT ON outbox BEGIN {_MORE}; END",
    "count_changed_delivery": (
        "AFTER UPDATE OF status ON outbox WHEN OLD.status <> NEW.status"
        f" BEGIN {_LESS}; {_MORE}; END"
    ),
    "count_removed_delivery": f"AFTER DELETE ON outbox BEGIN {_LESS}; END",
}

# PostgreSQL's writers would wait for each other's commits at such a row, so each inserts its change.
_WAKE = "PERFORM pg_notify('fairmind_sync', '')"
_WAKES_FOR_ALL = "pg_try_advisory_xact_lock(hashtextextended('fairmind_sync wake', 0))"
"""Transactions that notify commit one after the other, so of several at once only one notifies."""
_FUNCTIONS = {
    "count_new": (
        "INSERT INTO delivery_counts (provider, status, count)"
        " SELECT provider, status, count(*) FROM new_rows GROUP BY provider, status;"
        f" IF FOUND AND {_WAKES_FOR_ALL} THEN {_WAKE}; END IF;"
    ),
    "count_changed": (
        "INSERT INTO delivery_counts (provider, status, count)"
        " VALUES (OLD.provider, OLD.status, -1), (NEW.provider, NEW.status, 1);"
        f" IF NEW.status = 'pending' THEN {_WAKE}; END IF;"
    ),
    "count_removed": (
        "INSERT INTO delivery_counts (provider, status, count)"
        " SELECT provider, status, -count(*) FROM old_rows GROUP BY provider, status;"
    ),
    "wake": f"{_WAKE};",
}
_TRIGGERS = {
    "count_new_delivery": (
        "AFTER INSERT ON outbox REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT",
        "count_new",
    ),
    "count_changed_delivery": (
        "AFTER UPDATE OF status ON outbox FOR EACH ROW WHEN (OLD.status <> NEW.status)",
        "count_changed",
    ),
    "count_removed_delivery": (
        "AFTER DELETE ON outbox REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT",
        "count_removed",
    ),
    "wake_for_provider": (
        "AFTER INSERT OR UPDATE OF state, next_probe_at, paused_at ON provider_state FOR EACH STATEMENT",
        "wake",
    ),
}


def upgrade() -> None:
    _replace_counts()
    _replace_status_indexes(["result_id", "provider"])
    op.create_index(
        op.f("ix_bias_test_results_model_id_id"), "bias_test_results", ["model_id", "id"]
    )
    op.create_table(
        "schema_support",
        sa.Column(
            "oldest",
            sa.String(length=16),
            nullable=False,
            comment="the schema of the oldest version that may use this one",
        ),
        sa.PrimaryKeyConstraint("oldest", name=op.f("pk_schema_support")),
    )
    op.execute(f"INSERT INTO schema_support (oldest) VALUES ('{revision}')")


def _replace_counts() -> None:
    is_sqlite = op.get_context().dialect.name == "sqlite"
    if is_sqlite:
        for name in _SQLITE_TRIGGERS:
            op.execute(f"DROP TRIGGER {name}")
    op.drop_table("delivery_counts")
    op.create_table(
        "delivery_counts",
        sa.Column("id", _ID, nullable=False),
        sa.Column("provider", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column(
            "count",
            _ID,
            nullable=False,
            comment="kept by triggers; a pair's count is the sum of its rows",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_counts")),
    )
    op.execute(_COUNTED)
    if is_sqlite:
        for name, body in _SQLITE_TRIGGERS.items():
            op.execute(f"CREATE TRIGGER {name} {body}")
    else:
        _create_postgresql_triggers()


def _create_postgresql_triggers() -> None:
    for name, body in _FUNCTIONS.items():
        op.execute(
            f"CREATE FUNCTION fairmind_sync_{name}() RETURNS trigger LANGUAGE plpgsql"
            f" AS $$ BEGIN {body} RETURN NULL; END $$"
        )
    for name, (when, function) in _TRIGGERS.items():
        op.execute(f"CREATE TRIGGER {name} {when} EXECUTE FUNCTION fairmind_sync_{function}()")
    op.execute(
        "ALTER TABLE delivery_counts SET"
        " (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)"
    )


def _replace_status_indexes(columns: list[str]) -> None:
    for status in _STATUSES:
        where = sa.text(f"status = '{status}'")
        op.drop_index(f"ix_outbox_{status}", "outbox")
        op.create_index(
            f"ix_outbox_{status}", "outbox", columns, sqlite_where=where, postgresql_where=where
        )


def downgrade() -> None:
    op.drop_table("schema_support")
    op.drop_index(op.f("ix_bias_test_results_model_id_id"), "bias_test_results")
    _replace_status_indexes(["id"])
    if op.get_context().dialect.name != "sqlite":
        for name, (when, _) in _TRIGGERS.items():
            op.execute(f"DROP TRIGGER {name} ON {when.split(' ON ')[1].split()[0]}")
        for name in _FUNCTIONS:
            op.execute(f"DROP FUNCTION fairmind_sync_{name}()")
    _restore_counts()


def _restore_counts() -> None:
    """Makes the counts again as 0004 has them, with provider and status as the key."""
    op.drop_table("delivery_counts")
    op.create_table(
        "delivery_counts",
        sa.Column("provider", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("count", _ID, nullable=False),
        sa.CheckConstraint("count >= 0", name=op.f("ck_delivery_counts_count_not_negative")),
        sa.PrimaryKeyConstraint("provider", "status", name=op.f("pk_delivery_counts")),
    )
    op.execute(_COUNTED)
