"""The schema names no provider: a result may be owed to any that is registered."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_WORKER_WAS, _WORKER_IS = "host:pid", "host:pid, and the mark of its daemon if it has one"
_CHECKED = ("outbox", "provider_state")
_COUNT = (
    "UPDATE delivery_counts SET count = count {change}"
    " WHERE provider = {row}.provider AND status = {row}.status"
)
_LESS, _MORE = _COUNT.format(change="- 1", row="OLD"), _COUNT.format(change="+ 1", row="NEW")
_OR_BEGIN = (
    "INSERT INTO delivery_counts (provider, status, count)"
    " SELECT NEW.provider, NEW.status, 1 WHERE changes() = 0"
)
"""The first delivery of a provider in this status: the update before it found no row."""


def _triggers(count_more: str) -> dict[str, str]:
    return {
        "count_new_delivery": f"AFTER INSERT ON outbox BEGIN {count_more}; END",
        "count_changed_delivery": (
            "AFTER UPDATE OF status ON outbox WHEN OLD.status <> NEW.status"
            f" BEGIN {_LESS}; {count_more}; END"
        ),
        "count_removed_delivery": f"AFTER DELETE ON outbox BEGIN {_LESS}; END",
    }


def upgrade() -> None:
    if op.get_context().dialect.name == "sqlite":
        for table in _CHECKED:
            _rewrite(table, _without_check)
        _replace_triggers(f"{_MORE}; {_OR_BEGIN}")
    else:
        for table in _CHECKED:
            op.drop_constraint(op.f(f"ck_{table}_provider_known"), table, type_="check")
        op.alter_column("delivery_attempts", "worker", comment=_WORKER_IS)


def downgrade() -> None:
    if op.get_context().dialect.name == "sqlite":
        for table in _CHECKED:
            _rewrite(table, _with_check)
        _replace_triggers(_MORE)
    else:
        for table in _CHECKED:
            op.create_check_constraint(
                op.f(f"ck_{table}_provider_known"), table, "provider IN ('wandb', 'mlflow')"
            )
        op.alter_column("delivery_attempts", "worker", comment=_WORKER_WAS)


def _without_check(definition: str, check: str) -> str:
    return definition.replace(f", \n\t{check}", "")


def _with_check(definition: str, check: str) -> str:
    return f"{definition.removesuffix(')').rstrip()}, \n\t{check}\n)"


def _rewrite(table: str, changed: Callable[[str, str], str]) -> None:
    """Makes the table anew with a changed definition: SQLite can't change a constraint in place.

    Alembic's batch mode would lose the other CHECK constraints, which it doesn't reflect.
    """
    connection = op.get_bind()
    check = f"CONSTRAINT ck_{table}_provider_known CHECK (provider IN ('wandb', 'mlflow'))"
    of_table = {"table": table}
    definition = connection.execute(
        sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :table"), of_table
    ).scalar_one()
    indexes = connection.execute(
        sa.text(
            "SELECT sql FROM sqlite_master"
            " WHERE type = 'index' AND tbl_name = :table AND sql IS NOT NULL"
        ),
        of_table,
    ).scalars()
    anew = changed(definition, check)
    if anew == definition:
        raise RuntimeError(f"the table {table} isn't what the migrations before have made")
    made_anew = [*indexes]
    op.execute(f"CREATE TABLE {table}_anew {anew[anew.index('(') :]}")
    op.execute(f"INSERT INTO {table}_anew SELECT * FROM {table}")
    op.execute(f"DROP TABLE {table}")
    op.execute(f"ALTER TABLE {table}_anew RENAME TO {table}")
    for index in made_anew:
        op.execute(index)


def _replace_triggers(count_more: str) -> None:
    """Dropping the table has dropped its triggers."""
    for name, body in _triggers(count_more).items():
        op.execute(f"CREATE TRIGGER {name} {body}")
