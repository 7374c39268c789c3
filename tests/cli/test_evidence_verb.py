"""`fairmind-sync evidence`: what is missing, and another try."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, update

from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import outbox_table
from tests.support.clock import NOW
from tests.support.databases import rows
from tests.support.deliveries import delivered
from tests.support.processes import command


@pytest.fixture
def env(engine: Engine) -> dict[str, str]:
    return {
        "MLOPS_PROVIDER": "mlflow",
        "FAIRMIND_SYNC_DATABASE_URL": engine.url.render_as_string(),
        "COLUMNS": "200",
    }


def refuse(engine: Engine) -> None:
    """The evidence of a delivered run."""
    delivered(engine)
    values = {"evidence_state": "refused", "evidence_reason": "no rights", "evidence_due_at": NOW}
    with writing(engine) as connection:
        connection.execute(update(outbox_table).values(values))


def test_where_nothing_is_missing_the_verb_says_so(engine: Engine, env: dict[str, str]) -> None:
    delivered(engine)
    told = command("evidence", env=env).stdout
    assert told == "no delivered run lacks the evidence that was asked for\n"


def test_what_is_missing_is_listed_with_a_reason(engine: Engine, env: dict[str, str]) -> None:
    refuse(engine)
    told = command("evidence", env=env).stdout
    for word in ("mlflow", "refused", "no rights"):
        assert word in told


def test_a_retry_has_it_tried_now(engine: Engine, env: dict[str, str]) -> None:
    refuse(engine)
    assert "the evidence of 1 run is tried now" in command("evidence", "--retry", env=env).stdout
    assert rows(engine, outbox_table)[0].evidence_due_at > NOW


def test_a_backfill_asks_for_that_of_old_runs(engine: Engine, env: dict[str, str]) -> None:
    delivered(engine)
    told = command("evidence", "--backfill", "--provider", "mlflow", env=env).stdout
    assert "1 run that was delivered without evidence, and tried now" in told
    assert rows(engine, outbox_table)[0].evidence_state == "waiting"


def test_where_none_is_wanted_none_is_asked_for(engine: Engine, env: dict[str, str]) -> None:
    wanted = env | {"FAIRMIND_SYNC_EVIDENCE": "none"}
    ended = command("evidence", "--backfill", env=wanted, check=False)
    assert (ended.returncode, "FAIRMIND_SYNC_EVIDENCE is none" in ended.stderr) == (1, True)


def test_an_unknown_provider_is_named(env: dict[str, str]) -> None:
    ended = command("evidence", "--provider", "excel", env=env, check=False)
    assert (ended.returncode, "'excel' is none of the providers" in ended.stderr) == (2, True)
