"""What evidence the results of a database make, and what their providers hold of it."""

from __future__ import annotations

from collections.abc import Mapping

import httpx2
from sqlalchemy import Engine, select

from fairmind_sync.evidence.files import evidence_of
from fairmind_sync.outbox.saved_results import saved_result_of
from fairmind_sync.providers.wandb.run_files import NAMES
from fairmind_sync.results.evidence_states import EvidenceKind
from fairmind_sync.storage.engine import reading
from fairmind_sync.storage.tables import outbox_table, results_table
from tests.standins.wandb import StandInWandb

Files = dict[str, bytes]


def made(engine: Engine, kind: EvidenceKind = "full") -> dict[str, Files]:
    """By the id of each delivered run: the files that its result makes now."""
    with reading(engine) as connection:
        rows = connection.execute(
            select(outbox_table.c.run_id, results_table)
            .join_from(outbox_table, results_table)
            .where(outbox_table.c.status == "delivered")
        ).all()
    return {
        str(row.run_id): {
            file.name: file.content for file in evidence_of(saved_result_of(row), kind).files
        }
        for row in rows
    }


def at_mlflow(uri: str, run_id: str) -> Files:
    """The files in the run's folder of evidence, as the server gives them."""
    with httpx2.Client(base_url=uri, timeout=240) as client:
        wanted = {"run_id": run_id, "path": "evidence"}
        listed = client.get("/api/2.0/mlflow/artifacts/list", params=wanted).json()
        return {
            file["path"].removeprefix("evidence/"): client.get(
                "/get-artifact", params={"run_uuid": run_id, "path": file["path"]}
            ).content
            for file in listed.get("files", [])
        }


def at_wandb(standin: StandInWandb, run_id: str) -> Files:
    """The files that the stand-in holds of the run, by our names."""
    return _renamed(standin.runs[run_id].files)


def _renamed(files: Mapping[str, bytes]) -> Files:
    ours = {theirs: name for name, theirs in NAMES.items()}
    return {ours.get(name, name): content for name, content in files.items()}
