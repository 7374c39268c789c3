"""Missing evidence is told by explain, doctor, status, the metrics and a verb, each with what to do."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, update

from fairmind_sync.operating import doctor, evidence_actions, explanation
from fairmind_sync.operating.finding import Finding
from fairmind_sync.operating.status import overview
from fairmind_sync.outbox import delivery_lookup, owed_evidence
from fairmind_sync.outbox.delivery_lookup import RunFilter
from fairmind_sync.settings import Settings
from fairmind_sync.storage.engine import reading, writing
from fairmind_sync.storage.tables import outbox_table
from tests.api.test_endpoints import client_of
from tests.api.test_metrics import metric
from tests.support.clock import NOW
from tests.support.databases import rows
from tests.support.deliveries import delivered

pytestmark = pytest.mark.mostly_sqlite

RETRY = "fairmind-sync evidence --retry"


def note(
    engine: Engine, state: str | None, reason: str | None, *, is_tried_again: bool = True
) -> None:
    """A delivered run whose evidence is in this state."""
    delivery = delivered(engine)
    due_at = NOW + timedelta(minutes=1) if is_tried_again else None
    with writing(engine) as connection:
        connection.execute(
            update(outbox_table)
            .where(outbox_table.c.id == delivery.id)
            .values(evidence_state=state, evidence_reason=reason, evidence_due_at=due_at)
        )


def explained(engine: Engine, configured: Settings) -> tuple[str | None, str | None]:
    with reading(engine) as connection:
        (delivery,) = delivery_lookup.deliveries(connection, RunFilter())
    (found,) = explanation.explain(engine, configured, delivery.test_id, NOW)
    return found.evidence, found.what_to_do


def finding(database_url: str, monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    monkeypatch.setenv("MLOPS_PROVIDER", "mlflow")
    monkeypatch.setenv("FAIRMIND_SYNC_DATABASE_URL", database_url)
    monkeypatch.setattr(doctor, "_in_worker", lambda *_arguments: None)
    return [found for found in doctor.examine() if found.check == "mlflow evidence"]


def test_a_run_without_evidence_is_explained_without_it(
    engine: Engine, configured: Settings
) -> None:
    note(engine, None, None, is_tried_again=False)
    assert explained(engine, configured) == (None, None)


def test_stored_evidence_is_told(engine: Engine, configured: Settings) -> None:
    note(engine, "stored", None, is_tried_again=False)
    assert explained(engine, configured) == ("Its evidence is stored with it.", None)


def test_waiting_evidence_is_told_and_needs_nobody(engine: Engine, configured: Settings) -> None:
    note(engine, "waiting", "no answer.")
    said = "Its evidence is not stored: no answer. It is tried again."
    assert explained(engine, configured) == (said, None)


def test_evidence_that_was_only_asked_for_is_told(engine: Engine, configured: Settings) -> None:
    note(engine, "waiting", None)
    said = "Its evidence is not stored: It has not been tried yet. It is tried again."
    assert explained(engine, configured) == (said, None)


def test_refused_evidence_is_told_with_what_to_do(engine: Engine, configured: Settings) -> None:
    note(engine, "refused", "no rights")
    said = "Its evidence is not stored: no rights. It is tried again."
    advice = f"Fix why its evidence is refused, then run: {RETRY}"
    assert explained(engine, configured) == (said, advice)


def test_evidence_that_was_given_up_is_told_as_such(engine: Engine, configured: Settings) -> None:
    note(engine, "refused", "the run was deleted", is_tried_again=False)
    evidence, _ = explained(engine, configured)
    assert str(evidence).endswith("It is not tried again by itself.")


def test_refused_evidence_is_a_finding(
    engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    note(engine, "refused", "no rights")
    assert finding(database_url, monkeypatch) == [
        Finding(
            "mlflow evidence",
            "refused for 1 delivered runs: no rights",
            f"Fix that, then run: {RETRY}",
        )
    ]


def test_waiting_evidence_needs_nobody(
    engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    note(engine, "waiting", "no answer")
    (found,) = finding(database_url, monkeypatch)
    assert (found.is_ok, found.detail) == (True, "waiting for 1 delivered runs: no answer")


def test_stored_evidence_is_no_finding(
    engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    note(engine, "stored", None, is_tried_again=False)
    assert finding(database_url, monkeypatch) == []


def test_the_status_counts_runs_that_lack_their_evidence(
    engine: Engine, configured: Settings
) -> None:
    note(engine, "waiting", "no answer")
    note(engine, "refused", "no rights")
    found = overview(engine, configured, NOW)["providers"]
    assert {name: one["evidence_missing"] for name, one in found.items()} == {
        "wandb": 0,
        "mlflow": 2,
    }


def test_the_metrics_count_missing_evidence_by_state(engine: Engine, configured: Settings) -> None:
    note(engine, "refused", "no rights")
    client: TestClient = client_of(configured)
    assert metric(client, "evidence_missing") == {
        ("mlflow", "refused"): 1,
        ("mlflow", "waiting"): 0,
        ("wandb", "refused"): 0,
        ("wandb", "waiting"): 0,
    }


def test_an_operator_has_it_tried_now(engine: Engine) -> None:
    note(engine, "refused", "no rights")
    assert evidence_actions.retry(engine, ["mlflow"]) == 1
    with reading(engine) as connection:
        assert owed_evidence.is_due(connection, "mlflow", NOW + timedelta(days=3650))


def test_old_runs_are_asked_for_in_parts(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence_actions, "_CHUNK", 1)
    for _ in range(3):
        note(engine, None, None, is_tried_again=False)
    assert evidence_actions.backfill(engine, "mlflow") == 3
    assert {row.evidence_state for row in rows(engine, outbox_table)} == {"waiting"}
