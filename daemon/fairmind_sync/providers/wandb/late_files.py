"""Adds missing files of evidence to a delivered W&B run, and judges by MD5 whether W&B holds them."""

from __future__ import annotations

from collections.abc import Callable

from fairmind_sync.providers.wandb.held import Held
from fairmind_sync.providers.wandb.run_files import RunFiles, files_of
from fairmind_sync.providers.wandb.sdk import (
    RunRefusedError,
    Sdk,
    UploadError,
    WandbRefusedError,
)
from fairmind_sync.results.delivery import OwedEvidence
from fairmind_sync.results.evidence_states import (
    ALL_STORED,
    REFUSED,
    WAITING,
    EvidenceKind,
    EvidenceState,
)

READ_BACK_DELAYS_S = (0.0, 0.2, 0.5, 1.0, 2.0, 4.0)
"""Waits before each read-back: the service may take a moment to show what was uploaded."""


def state_of(files: RunFiles, held: Held) -> EvidenceState:
    """Returns 'stored' where W&B holds every byte, in a finished run: another one would look crashed."""
    if missing := files.missing_in(held.files):
        return EvidenceState(REFUSED, f"W&B took the run and, without a word, not {missing[0]}")
    if held.state != "finished":
        return EvidenceState(WAITING, f"the run is {held.state} at W&B")
    return ALL_STORED


def add_late_files(
    sdk: Sdk, owed: OwedEvidence, kind: EvidenceKind, pause: Callable[[float], object]
) -> EvidenceState:
    """Uploads what W&B doesn't hold of the run's files; returns the state by W&B's own word.

    `pause` waits for so many seconds.

    Raises:
        ProviderUnavailableError: W&B can't be asked now.
    """
    files = files_of(owed.result, kind)
    state = _state_at(sdk, owed, files)
    if state.is_done:
        return state
    try:
        sdk.add_files(owed.run_id, files)
    except (RunRefusedError, WandbRefusedError) as error:
        return EvidenceState(REFUSED, str(error))
    except UploadError as error:
        return EvidenceState(WAITING, str(error))
    for delay in READ_BACK_DELAYS_S:
        pause(delay)
        state = _state_at(sdk, owed, files)
        if state.is_stored:
            break
    return state


def _state_at(sdk: Sdk, owed: OwedEvidence, files: RunFiles) -> EvidenceState:
    held = sdk.read_back([owed.run_id]).get(owed.run_id)
    if held is not None:
        return state_of(files, held)
    if sdk.leads_elsewhere(owed.destination):
        where = f"the run is at {owed.destination}, where WANDB_ENTITY and WANDB_PROJECT don't lead"
        return EvidenceState(REFUSED, where, is_final=True)
    if sdk.shows_the_project():
        return EvidenceState(REFUSED, "the run was deleted at W&B", is_final=True)
    return EvidenceState(WAITING, "W&B doesn't show the project")
