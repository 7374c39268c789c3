"""The tables refuse rows that the code could not have meant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import CheckConstraint, Connection, Engine, Table, insert, select, update
from sqlalchemy.exc import IntegrityError, StatementError

from fairmind_sync.outbox.claims import claimable
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import (
    arrivals_table,
    attempts_table,
    bundles_table,
    hand_overs_table,
    metadata,
    operator_actions_table,
    outbox_table,
    own_site_table,
    provider_table,
    results_table,
    webhook_events_table,
)
from tests.support.clock import NOW
from tests.support.databases import plain_sql, rows
from tests.support.deliveries import claimed, save
from tests.support.good_rows import DELIVERY, GOOD, RESULT, STATE

pytestmark = pytest.mark.both_databases

LEASED = {"lease_token": "a", "lease_expires_at": NOW}
DONE = {"status": "delivered", "finished_at": NOW, "run_id": "r"}
OFFLINE = {"state": "offline", "next_probe_at": NOW}
BAD_ROWS: list[tuple[str, Table, dict[str, Any]]] = [
    ("test_id_given", results_table, {"test_id": ""}),
    ("revision_counts_from_one", results_table, {"revision": 0}),
    ("digest_is_sha256", results_table, {"digest": "d" * 63}),
    ("status_known", outbox_table, {"status": "leased", "finished_at": NOW}),
    ("attempts_not_negative", outbox_table, {"attempts": -1}),
    ("lease_has_token_and_expiry", outbox_table, {"lease_token": "a"}),
    ("lease_has_token_and_expiry", outbox_table, {"lease_expires_at": NOW}),
    ("only_pending_is_leased", outbox_table, DONE | LEASED),
    ("finished_has_a_time", outbox_table, {"finished_at": NOW}),
    ("finished_has_a_time", outbox_table, DONE | {"finished_at": None}),
    ("delivered_has_a_run", outbox_table, DONE | {"run_id": None}),
    ("evidence_state_known", outbox_table, {"evidence_state": "lost"}),
    ("outcome_known", attempts_table, {"outcome": "fine", "finished_at": NOW}),
    ("finished_has_an_outcome", attempts_table, {"outcome": "dead"}),
    ("finished_has_an_outcome", attempts_table, {"finished_at": NOW}),
    ("state_known", provider_table, OFFLINE | {"state": "asleep"}),
    ("unready_has_a_probe", provider_table, {"state": "offline"}),
    ("unready_has_a_probe", provider_table, {"next_probe_at": NOW}),
    ("action_known", operator_actions_table, {"action": "sabotage"}),
    ("count_not_negative", operator_actions_table, {"count": -1}),
    ("attempts_not_negative", webhook_events_table, {"attempts": -1}),
    ("finished_has_a_time", outbox_table, {"status": "handed_over", "finished_at": NOW}),
    ("one_site", own_site_table, {"id": 2}),
    ("direction_known", bundles_table, {"direction": "up"}),
    ("kind_known", bundles_table, {"kind": "recipes"}),
    ("deliveries_not_negative", bundles_table, {"deliveries": -1}),
    ("epoch_counts_from_one", hand_overs_table, {"epoch": 0}),
    ("epoch_counts_from_one", arrivals_table, {"epoch": 0}),
]


def broken_by(error: IntegrityError) -> str:
    """The constraint's name. SQLite names a check, and the columns that must be unique together."""
    if diagnosis := getattr(error.orig, "diag", None):
        return str(diagnosis.constraint_name)
    kind, _, what = str(error.orig).partition(" constraint failed: ")
    if kind == "CHECK":
        return what
    table = what.partition(".")[0]
    return "_".join([f"uq_{table}", *(column.split(".")[1] for column in what.split(", "))])


def add(connection: Connection, table: Table, changes: dict[str, Any]) -> None:
    """The table's good row with changes, after good rows of the tables that it refers to."""
    for parent, row in GOOD.items():
        if parent is table:
            break
        connection.execute(insert(parent).values(row))
    connection.execute(insert(table).values(GOOD[table] | changes))


@pytest.mark.parametrize(("check", "table", "changes"), BAD_ROWS)
def test_a_check_refuses_its_bad_row(
    engine: Engine, check: str, table: Table, changes: dict[str, Any]
) -> None:
    with engine.connect() as connection, pytest.raises(IntegrityError) as refused:
        add(connection, table, changes)
    assert broken_by(refused.value) == f"ck_{table.name}_{check}"


def test_every_check_has_a_bad_row_here() -> None:
    checks = {
        f"{constraint.name}"
        for table in metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
    }
    assert checks == {f"ck_{table.name}_{check}" for check, table, _ in BAD_ROWS}


@pytest.mark.parametrize("table", GOOD, ids=lambda table: table.name)
def test_the_row_that_the_bad_ones_differ_from_is_good(engine: Engine, table: Table) -> None:
    before = len(rows(engine, table))
    with writing(engine) as connection:
        add(connection, table, {})
    assert len(rows(engine, table)) == before + 1


@pytest.mark.parametrize(
    ("key", "table", "other"),
    [
        ("user_id_test_id_digest", results_table, {"revision": 2}),
        ("user_id_test_id_revision", results_table, {"digest": "e" * 64}),
        ("delivery_key", outbox_table, {"provider": "wandb"}),
        ("result_id_provider", outbox_table, {"delivery_key": "l" * 32}),
        ("delivery_id_lease_token", attempts_table, {}),
        ("event_key", webhook_events_table, {}),
    ],
    ids=["content", "revision", "delivery key", "result and provider", "lease", "event"],
)
def test_what_must_be_unique_is_refused_twice(
    engine: Engine, key: str, table: Table, other: dict[str, Any]
) -> None:
    with engine.connect() as connection:
        add(connection, table, {})
        with pytest.raises(IntegrityError) as refused:
            connection.execute(insert(table).values(GOOD[table] | other))
    assert broken_by(refused.value) == f"uq_{table.name}_{key}"


def test_two_users_may_use_the_same_test_id(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(insert(results_table).values(RESULT))
        connection.execute(insert(results_table).values(RESULT | {"user_id": "u"}))
    assert len(rows(engine, results_table)) == 2


def test_a_result_that_has_deliveries_can_not_be_deleted(engine: Engine) -> None:
    save(engine, "mlflow")
    with engine.connect() as connection, pytest.raises(IntegrityError, match=r"(?i)foreign key"):
        connection.execute(results_table.delete())


def test_attempts_go_with_their_delivery(engine: Engine) -> None:
    claimed(engine)
    with writing(engine) as connection:
        connection.execute(outbox_table.delete())
    assert rows(engine, attempts_table) == []


TOLD = "you sent Basic dXNlcjpwYXNz"


def told_by(table: Table, engine: Engine) -> str:
    (row,) = rows(engine, table)
    return " ".join(str(getattr(row, name, None)) for name in ("last_error", "error", "reason"))


@pytest.mark.parametrize(
    ("table", "column"),
    [(outbox_table, "last_error"), (attempts_table, "error"), (provider_table, "reason")],
)
@pytest.mark.parametrize("how", ["by us", "by an earlier version"])
def test_a_secret_that_a_provider_tells_is_hidden(
    engine: Engine, table: Table, column: str, how: str
) -> None:
    claimed(engine)
    with plain_sql(engine) as connection:
        if table is provider_table:
            connection.execute(insert(table).values(STATE))
        if how == "by us":
            connection.execute(update(table).values({column: TOLD}))
            left = connection.exec_driver_sql(f"SELECT {column} FROM {table.name}").scalar_one()  # noqa: S608 ours
            assert "dXNl" not in left
        else:
            connection.exec_driver_sql(f"UPDATE {table.name} SET {column} = '{TOLD}'")  # noqa: S608 ours
    assert "you sent Basic [hidden]" in told_by(table, engine)


def test_a_time_comes_back_in_utc(engine: Engine) -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
    save(engine, "mlflow", now=elsewhere)
    (row,) = rows(engine, outbox_table)
    assert (row.due_at, row.due_at.tzinfo) == (NOW, UTC)


def test_a_time_that_is_not_given_stays_none(engine: Engine) -> None:
    save(engine, "mlflow")
    (row,) = rows(engine, outbox_table)
    assert row.finished_at is None


def test_a_time_without_a_zone_is_refused(engine: Engine) -> None:
    naive = datetime(2026, 3, 4)  # noqa: DTZ001 that it is naive is the point
    with engine.connect() as connection, pytest.raises(StatementError, match="pass an aware"):
        connection.execute(insert(outbox_table).values(DELIVERY | {"due_at": naive}))


SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"attempts": 3}, True),
        ({"provider": "wandb"}, False),
        ({"status": "dead", "finished_at": NOW}, False),
        ({"due_at": NOW + SECOND}, False),
        ({"due_at": NOW - SECOND}, True),
        ({"lease_token": "a", "lease_expires_at": NOW + SECOND}, False),
        ({"lease_token": "a", "lease_expires_at": NOW}, True),
    ],
    ids=["due", "other provider", "dead", "due later", "overdue", "leased", "lease ran out"],
)
def test_a_row_is_claimable_when_it_is_pending_and_due_and_has_no_live_lease(
    engine: Engine, changes: dict[str, Any], expected: bool
) -> None:
    save(engine, "mlflow")
    with writing(engine) as connection:
        connection.execute(update(outbox_table).values(**changes))
        found = connection.execute(select(outbox_table.c.id).where(claimable("mlflow", NOW))).all()
    assert bool(found) is expected
