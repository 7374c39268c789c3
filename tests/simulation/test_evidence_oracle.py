"""What a site says of evidence at rest, and what the services hold of it, each broken once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.simulation.events import Planned, Step
from tests.simulation.evidence_oracle import EvidenceOracle
from tests.simulation.faults import Fault
from tests.simulation.file_stores import FORGETS, OFF
from tests.simulation.oracle import findings
from tests.simulation.plan import Plan
from tests.simulation.runs import Laboratory, laboratory
from tests.simulation.simulation import Simulation
from tests.simulation.site_oracle import SiteOracle

SAVE = Step(5.0, "save", amount=1)


def plan(*events: Planned, evidence: Any = "full") -> Plan:
    return Plan(1, 0.2, 5, None, events, tuple(range(len(events))), evidence=evidence)


@pytest.fixture(scope="module")
def lab() -> Iterator[Laboratory]:
    with laboratory() as made:
        yield made


@pytest.fixture
def carried_out(lab: Laboratory) -> Iterator[Callable[[Plan], Simulation]]:
    made = list[Simulation]()

    def carry_out(wanted: Plan) -> Simulation:
        made.append(lab.simulation(wanted))
        made[-1].run()
        return made[-1]

    yield carry_out
    for one in made:
        one.close()


Runs = Callable[[Plan], Simulation]


def told(run: Simulation, **changes: object) -> list[str]:
    """What the oracle says of MLflow's rows, which say something else."""
    site = SiteOracle(run, run.sites[0])
    site.rows = [{**row, **changes} for row in site.rows if row["provider"] == "mlflow"]
    return [*EvidenceOracle(run, site).findings()]


def states(run: Simulation) -> dict[str, str | None]:
    return {row["provider"]: row["evidence_state"] for row in SiteOracle(run, run.sites[0]).rows}


@pytest.mark.parametrize(("kind", "count"), [("full", 4), ("result", 1)])
def test_undisturbed_evidence_is_stored_at_both_providers(
    carried_out: Runs, kind: str, count: int
) -> None:
    run = carried_out(plan(SAVE, evidence=kind))
    assert states(run) == dict.fromkeys(("mlflow", "wandb"), "stored")
    held = [*run.mlflow.files.values(), *(one.files for one in run.wandb.runs.values())]
    assert [len(files) for files in held] == [count, count]
    assert findings(run) == []


def test_without_evidence_no_file_is_stored_and_none_is_told(carried_out: Runs) -> None:
    run = carried_out(plan(SAVE, evidence="none"))
    assert (states(run), run.mlflow.files) == (dict.fromkeys(("mlflow", "wandb")), {})
    (found,) = told(run, evidence_state="stored")
    assert found == "evidence: that of test-0 for mlflow is stored, and nobody wants any"


def test_a_file_that_is_other_than_it_was_made_is_told(carried_out: Runs) -> None:
    run = carried_out(plan(SAVE))
    (files,) = run.mlflow.files.values()
    files["evidence/groups.csv"] += b"more"
    (found,) = findings(run)
    assert found.startswith("false: the evidence of test-0 for mlflow is told as stored, and wrong")
    assert found.endswith("['evidence/groups.csv']")


def test_of_what_another_site_delivered_only_the_names_are_compared(carried_out: Runs) -> None:
    """That site may have saved the same result, too, and its own row is compared."""
    run = carried_out(plan(SAVE))
    (files,) = run.mlflow.files.values()
    site = SiteOracle(run, run.sites[0])
    site.handed_over = {row["id"] for row in site.rows}
    files["evidence/groups.csv"] += b"more"
    assert [*EvidenceOracle(run, site).findings()] == []
    del files["evidence/groups.csv"]
    (found,) = EvidenceOracle(run, site).findings()
    assert found.startswith("false: the evidence of test-0 for mlflow is told as stored elsewhere")


def test_a_file_that_nobody_asked_for_is_told(carried_out: Runs) -> None:
    run = carried_out(plan(SAVE))
    (held,) = run.wandb.runs.values()
    held.files["media/html/evidence/report_0.html"] = b""
    (found,) = findings(run)
    assert found.endswith("wrong are ['media/html/evidence/report_0.html']")


def test_a_dataset_that_is_there_twice_is_told(carried_out: Runs) -> None:
    run = carried_out(plan(SAVE))
    (held,) = run.mlflow.runs.values()
    held.inputs *= 2
    (found,) = findings(run)
    assert found.startswith("twice: the run of test-0 for mlflow has the datasets")


def test_a_tag_that_contradicts_is_told(carried_out: Runs) -> None:
    run = carried_out(plan(SAVE))
    (held,) = run.mlflow.runs.values()
    held.tags["fairmind.evidence"] = "waiting: no reply"
    (found,) = findings(run)
    assert "its run is tagged ('waiting: no reply', " in found


def test_missing_evidence_is_told_where_the_store_takes_it(carried_out: Runs) -> None:
    run = carried_out(plan(SAVE))
    (found,) = told(run, evidence_state="waiting", evidence_reason="no reply")
    assert found == "stuck: the evidence of test-0 for mlflow is waiting: no reply"


def test_missing_evidence_is_right_where_the_store_never_takes_it(carried_out: Runs) -> None:
    run = carried_out(plan(Step(1.0, f"files {OFF}", "mlflow"), SAVE))
    assert (states(run)["mlflow"], findings(run)) == ("refused", [])
    (found,) = told(run, evidence_due_at=None)
    assert found.endswith(", and never tried again")


@pytest.mark.parametrize("provider", ["mlflow", "wandb"])
@pytest.mark.parametrize("trouble", [FORGETS, "403", "500"])
def test_a_store_that_mends_has_the_files_in_the_end(
    carried_out: Runs, provider: str, trouble: str
) -> None:
    run = carried_out(plan(Step(1.0, f"files {trouble}", provider, 120.0), SAVE))
    assert (states(run)[provider], findings(run)) == ("stored", [])


def left_open(*events: Planned) -> Plan:
    """A W&B run that is opened for its missing files, and for which no end comes of that."""
    unheard = [Fault("wandb complete", nth, "lost") for nth in range(2, 9)]
    return plan(Step(1.0, "files 403", "wandb", 20.0), SAVE, *unheard, *events)


def test_a_run_that_a_deletion_leaves_open_for_its_files_is_a_known_limit(
    carried_out: Runs,
) -> None:
    run = carried_out(left_open(Step(75.0, "delete")))
    (held,) = run.wandb.runs.values()
    assert (held.state, findings(run)) == ("running", [])
    held.takes_files = False
    (found,) = findings(run)
    assert found.startswith("false: test-0 for wandb is delivered, and its run is not whole")


def test_a_run_that_is_open_for_its_files_is_ended_by_the_next_try(carried_out: Runs) -> None:
    run = carried_out(left_open())
    (held,) = run.wandb.runs.values()
    assert (held.state, findings(run)) == ("finished", [])


def test_a_death_by_files_alone_is_told(carried_out: Runs) -> None:
    lost = [Fault("wandb create_files", nth, "lost") for nth in range(1, 20)]
    run = carried_out(plan(SAVE, *lost))
    site = SiteOracle(run, run.sites[0])
    site.rows = [{**row, "status": "dead"} for row in site.rows if row["provider"] == "wandb"]
    site.attempts = [{**one, "outcome": "retry"} for one in site.attempts]
    assert [*EvidenceOracle(run, site).findings()] == [
        "evidence: test-0 for wandb is dead, and nothing befell it but its files"
    ]
    rows, site.rows = site.rows, [{**row, "last_error_kind": "run_deleted"} for row in site.rows]
    assert [*EvidenceOracle(run, site).findings()] == []
    site.rows, site.attempts = rows, []  # another site gave it up
    assert [*EvidenceOracle(run, site).findings()] == []
