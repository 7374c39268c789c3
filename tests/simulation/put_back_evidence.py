"""Faults put back into evidence: what is told of it, when it is tried again, what it holds back."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from fairmind_sync.outbox import owed_evidence
from fairmind_sync.providers.mlflow.run_evidence import EvidenceSender
from fairmind_sync.providers.mlflow.run_evidence import Step as EvidenceStep
from fairmind_sync.providers.mlflow.runs_api import RunPlace
from fairmind_sync.providers.wandb import provider as wandb_provider
from fairmind_sync.providers.wandb.run_files import RunFiles
from tests.simulation import simulation
from tests.simulation.events import MINUTE, Step
from tests.simulation.faults import Fault
from tests.simulation.file_stores import FORGETS
from tests.simulation.put_back import PutBackFault, swapped

_SAVE = Step(5.0, "save", amount=1)


def _without_a_look(self: EvidenceSender, run: RunPlace, name: str, content: bytes) -> EvidenceStep:
    return lambda: self._api.artifacts.store(run, f"evidence/{name}", content)


def _never_due() -> list[Any]:
    return [
        patch.object(owed_evidence, "is_due", lambda *_given: False),
        patch.object(simulation, "LONGEST_CALM", 3 * 3600.0),
    ]


FAULTS_OF_EVIDENCE = (
    PutBackFault(
        "evidence at MLflow that is told as stored, and was not read back",
        swapped(EvidenceSender, "_file", _without_a_look),
        0,
        (Step(1.0, f"files {FORGETS}", "mlflow", 10 * MINUTE), _SAVE),
        evidence="full",
    ),
    PutBackFault(
        "evidence at W&B that is told as stored, whatever W&B shows",
        swapped(RunFiles, "missing_in", lambda *_given: []),
        0,
        (Step(1.0, "files 403", "wandb", 10 * MINUTE), _SAVE),
        evidence="result",
    ),
    PutBackFault(
        "missing evidence that is never tried again",
        _never_due,
        0,
        (Step(1.0, "files 500", "mlflow", MINUTE), _SAVE),
        evidence="full",
    ),
    PutBackFault(
        "files without which no run is sent",
        swapped(wandb_provider, "_ATTEMPTS_WITH_FILES", 100),
        0,
        (_SAVE, *(Fault("wandb create_files", nth, "lost") for nth in range(1, 60))),
        evidence="full",
    ),
)
