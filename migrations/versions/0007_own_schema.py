"""Our tables have a version table, and in PostgreSQL a schema, of their own.

The tables themselves are moved before this revision runs (`storage/former_place.py`), because Alembic has to
know first where its version table is. A downgrade leaves them there.
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_SUPPORT = "UPDATE schema_support SET oldest = '{}'"
_COUNTS = "fairmind_sync.delivery_counts (provider, status, count)"
_WAKE = "PERFORM pg_notify('fairmind_sync', '')"
_WAKES_FOR_ALL = "pg_try_advisory_xact_lock(hashtextextended('fairmind_sync wake', 0))"
_FUNCTIONS = {
    "count_new": (
        f"INSERT INTO {_COUNTS}"
        " SELECT provider, status, count(*) FROM new_rows GROUP BY provider, status;"
        f" IF FOUND AND {_WAKES_FOR_ALL} THEN {_WAKE}; END IF;"
    ),
    "count_changed": (
        f"INSERT INTO {_COUNTS}"
        " VALUES (OLD.provider, OLD.status, -1), (NEW.provider, NEW.status, 1);"
        f" IF NEW.status = 'pending' THEN {_WAKE}; END IF;"
    ),
    "count_removed": (
        f"INSERT INTO {_COUNTS}"
        " SELECT provider, status, -count(*) FROM old_rows GROUP BY provider, status;"
    ),
}


def upgrade() -> None:
    op.execute(_SUPPORT.format(revision))
    _replace_functions()


def downgrade() -> None:
    op.execute(_SUPPORT.format("0005"))


def _replace_functions() -> None:
    """Has the triggers' functions name the schema: the session that fires them has any search path."""
    if op.get_context().dialect.name == "sqlite":
        return
    for name, body in _FUNCTIONS.items():
        op.execute(
            f"CREATE OR REPLACE FUNCTION fairmind_sync_{name}() RETURNS trigger LANGUAGE plpgsql"
            f" AS $$ BEGIN {body} RETURN NULL; END $$"
        )
