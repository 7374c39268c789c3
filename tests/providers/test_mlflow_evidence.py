"""Evidence beside a run of a real MLflow server: every byte, once, and never in the way of the numbers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import Engine

from fairmind_sync.operating import evidence_actions
from fairmind_sync.outbox.delivery_lookup import DeliveryRecord
from tests.providers.test_mlflow import MlflowLab
from tests.standins.faults import Action, Fault
from tests.standins.mlflow_proxy import MlflowProxy
from tests.support.deliveries import pass_time
from tests.support.diagonals import one_of, pairs
from tests.support.evidence_held import at_mlflow, made
from tests.support.mlflow_runs import HeldRun

GROUPS = {"selection_rate": {"female": 0.31, "male": 0.52}}
SHORT = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "8"}
LATE_S = 9.0


@pytest.fixture
def lab(engine: Engine, proxy: MlflowProxy) -> MlflowLab:
    lab = MlflowLab(engine, proxy.uri)
    lab.save(results=GROUPS)
    return lab


def run_of(lab: MlflowLab) -> HeldRun:
    (run,) = lab.runs()
    return run


def datasets(lab: MlflowLab) -> list[dict[str, Any]]:
    """Those that the only run used."""
    asked = {"run_id": run_of(lab).id}
    reply = httpx2.get(f"{lab.uri}/api/2.0/mlflow/runs/get", params=asked, timeout=240).json()
    return [used["dataset"] for used in reply["run"]["inputs"].get("dataset_inputs", [])]


def evidence(record: DeliveryRecord) -> tuple[str, str | None]:
    return record.status, record.evidence_state


def is_whole(lab: MlflowLab) -> bool:
    """Whether the only run is finished, with every byte of its evidence, and recorded so."""
    (record,) = lab.records()
    run = run_of(lab)
    held = {run.id: at_mlflow(lab.uri, run.id)}
    return (
        evidence(record) == ("delivered", "stored")
        and run.status == "FINISHED"
        and held == made(lab.engine)
    )


def in_a_store_of_its_own(engine: Engine, uri: str, place: str) -> MlflowLab:
    """A lab whose experiment's artifacts are not proxied."""
    lab = MlflowLab(engine, uri)
    lab.call("experiments/create", name=lab.experiment, artifact_location=place)
    lab.save(results=GROUPS)
    return lab


def drain_again(lab: MlflowLab, proxy: MlflowProxy) -> DeliveryRecord:
    """Undisturbed, and long after."""
    proxy.faults.replace([])
    pass_time(lab.engine)
    return lab.drain()


def test_every_byte_of_the_evidence_is_beside_the_run(lab: MlflowLab) -> None:
    lab.drain()
    assert is_whole(lab)


def test_mlflows_page_is_told_of_the_table(lab: MlflowLab) -> None:
    lab.drain()
    shown = json.loads(run_of(lab).tags["mlflow.loggedArtifacts"])
    assert shown == [{"path": "evidence/groups.json", "type": "table"}]


def test_a_result_without_groups_and_metrics_has_no_table(engine: Engine, mlflow_uri: str) -> None:
    lab = MlflowLab(engine, mlflow_uri)
    lab.save(results={"note": "nothing was measured"})
    lab.drain()
    run = run_of(lab)
    assert "mlflow.loggedArtifacts" not in run.tags
    assert sorted(at_mlflow(lab.uri, run.id)) == ["report.html", "result.json"]


def test_the_run_says_that_its_evidence_is_stored(lab: MlflowLab) -> None:
    lab.drain()
    assert run_of(lab).tags["fairmind.evidence"] == "stored"


def test_the_dataset_is_an_input_of_the_run(lab: MlflowLab) -> None:
    lab.save(test_id="other", dataset_id="")
    lab.write(status="discarded", finished_at=datetime.now(UTC))
    lab.save(dataset_id="adult", metadata={"dataset_digest": "d" * 64, "dataset_source": "openml"})
    lab.drain()
    (used,) = datasets(lab)
    assert (used["name"], len(used["digest"]), json.loads(used["source"])) == (
        "adult",
        36,
        {"source": "openml"},
    )


def test_a_run_that_is_sent_again_has_its_dataset_once(lab: MlflowLab) -> None:
    lab.drain()
    lab.write(status="pending", finished_at=None)
    lab.drain()
    assert ([one["name"] for one in datasets(lab)], is_whole(lab)) == (["dataset-1"], True)


@pytest.mark.parametrize(("kind", "names"), [("result", ["result.json"]), ("none", [])])
def test_less_evidence_can_be_chosen(lab: MlflowLab, kind: str, names: list[str]) -> None:
    record = lab.drain(FAIRMIND_SYNC_EVIDENCE=kind)
    assert sorted(at_mlflow(lab.uri, str(record.run_id))) == names


def test_without_evidence_no_request_more_is_made(lab: MlflowLab, proxy: MlflowProxy) -> None:
    record = lab.drain(FAIRMIND_SYNC_EVIDENCE="none")
    files = {"store_file", "read_file", "log_dataset"}
    assert (evidence(record), files & {*proxy.requests}) == (("delivered", None), set())


def test_a_store_that_is_not_proxied_is_the_servers_own(
    engine: Engine, mlflow_uri: str, tmp_path: Path
) -> None:
    lab = in_a_store_of_its_own(engine, mlflow_uri, (tmp_path / "artifacts").as_uri())
    lab.drain()
    assert is_whole(lab)
    assert [*tmp_path.rglob("report.html")]


def test_a_store_for_which_the_server_lacks_a_package_holds_no_number_back(
    engine: Engine, mlflow_uri: str
) -> None:
    lab = in_a_store_of_its_own(engine, mlflow_uri, "s3://nobodys-bucket/x")
    record = lab.drain()
    assert (evidence(record), run_of(lab).status) == (("delivered", "refused"), "FINISHED")
    assert "boto3" in str(record.evidence_reason)


@pytest.mark.parametrize(
    ("kind", "status"),
    pairs(
        ("store_file", "log_dataset"), (403, 404, 413), ("store_file", 500), ("log_dataset", 403)
    ),
)
def test_a_refusal_holds_no_number_back(
    lab: MlflowLab, proxy: MlflowProxy, kind: str, status: int
) -> None:
    proxy.faults.replace([Fault(kind, "status", status=status)])
    record = lab.drain()
    run = run_of(lab)
    assert evidence(record) == ("delivered", "refused")
    assert (run.status, run.metrics["selection_rate/female"]) == ("FINISHED", 0.31)
    assert run.tags["fairmind.evidence"].startswith("refused: ")
    is_there = (len(datasets(lab)) == 1, "mlflow.loggedArtifacts" in run.tags)
    assert is_there == (kind == "store_file", kind == "log_dataset")


@pytest.mark.parametrize(
    ("kind", "status"), one_of([("store_file", 503), ("store_file", 429), ("log_dataset", 500)])
)
def test_a_store_that_is_away_holds_no_number_back(
    lab: MlflowLab, proxy: MlflowProxy, kind: str, status: int
) -> None:
    proxy.faults.replace([Fault(kind, "status", status=status)])
    assert evidence(lab.drain()) == ("delivered", "waiting")


def test_a_file_that_is_taken_and_not_kept_is_not_stored(
    lab: MlflowLab, proxy: MlflowProxy
) -> None:
    proxy.faults.replace([Fault("store_file", "graphql_error")])  # 200, and nothing done
    record = lab.drain()
    assert evidence(record) == ("delivered", "waiting")
    assert "evidence/result.json" in str(record.evidence_reason)


@pytest.mark.parametrize("fault", one_of(["refused", "silent"]))
def test_what_was_not_stored_is_stored_later(
    lab: MlflowLab, proxy: MlflowProxy, fault: str
) -> None:
    action: Action = "status" if fault == "refused" else "graphql_error"
    proxy.faults.replace([Fault("store_file", action, status=500)])
    lab.drain()
    drain_again(lab, proxy)
    tags = run_of(lab).tags
    assert (tags["fairmind.evidence"], "mlflow.loggedArtifacts" in tags) == ("stored", True)
    assert is_whole(lab)


@pytest.mark.parametrize(
    ("kind", "action"),
    pairs(
        ("store_file", "read_file", "log_dataset"),
        ("drop_after", "half", "empty", "html", "late", "drop_before"),
        ("store_file", "drop_after"),
        ("log_dataset", "late"),
    ),
)
def test_a_disturbance_is_made_good_at_once_or_later(
    lab: MlflowLab, proxy: MlflowProxy, kind: str, action: Action
) -> None:
    proxy.faults.replace([Fault(kind, action, seconds=LATE_S, times=1)])
    lab.drain(**(SHORT if action == "late" else {}))
    drain_again(lab, proxy)
    assert (len(datasets(lab)), is_whole(lab)) == (1, True)


def test_a_race_for_a_new_dataset_is_no_refusal(lab: MlflowLab, proxy: MlflowProxy) -> None:
    proxy.faults.replace([Fault("log_dataset", "status", status=400, times=1)])
    lab.drain()
    assert is_whole(lab)


def test_a_run_that_was_deleted_gets_no_evidence(lab: MlflowLab, proxy: MlflowProxy) -> None:
    proxy.faults.replace([Fault("store_file", "status", status=500)])
    lab.call("runs/delete", run_id=lab.drain().run_id)
    record = drain_again(lab, proxy)
    assert (record.evidence_state, record.evidence_due_at) == ("refused", None)
    assert record.evidence_reason == "the run was deleted at MLflow"


def test_a_run_of_another_server_gets_no_evidence(lab: MlflowLab, proxy: MlflowProxy) -> None:
    proxy.faults.replace([Fault("store_file", "status", status=500)])
    lab.drain()
    lab.write(destination="http://elsewhere:5000 experiment 7")
    record = drain_again(lab, proxy)
    assert "http://elsewhere:5000" in str(record.evidence_reason)
    assert record.evidence_due_at is None


def test_a_run_that_was_delivered_without_evidence_gets_it_once(
    lab: MlflowLab, proxy: MlflowProxy
) -> None:
    lab.drain(FAIRMIND_SYNC_EVIDENCE="none")
    counts = [evidence_actions.backfill(lab.engine, "mlflow") for _ in range(2)]
    lab.drain()
    assert (counts, is_whole(lab), len(datasets(lab))) == ([1, 0], True, 1)
