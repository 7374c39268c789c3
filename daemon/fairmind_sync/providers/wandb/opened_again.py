"""The sweep of W&B: delivered runs that a late process opened again, or that somebody deleted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from fairmind_sync.providers.base import Ledger
from fairmind_sync.providers.putting_right import PuttingRight
from fairmind_sync.providers.wandb.run_files import NO_FILES
from fairmind_sync.providers.wandb.sdk import (
    RunRefusedError,
    Sdk,
    UploadError,
    WandbRefusedError,
)
from fairmind_sync.results.states import HANDED_OVER, PENDING

if TYPE_CHECKING:
    from fairmind_sync.outbox.unclean_attempts import Standing

_READ_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class WandbSweep:
    """One sweep of a project; `recycle` counts runs that wandb-core opened, and restarts it when due."""

    sdk: Sdk
    ledger: Ledger
    recycle: Callable[[int], None]

    def run(self, suspects: Sequence[str]) -> None:
        for first in range(0, len(suspects), _READ_AT_ONCE):
            asked = suspects[first : first + _READ_AT_ONCE]
            held = self.sdk.read_back(asked)
            for key, run in held.items():
                if run.state != "finished":
                    self._close(key, f"the run is {run.state} at W&B")
            self._look_for([key for key in asked if key not in held])

    def _look_for(self, missing: Sequence[str]) -> None:
        """Notes which runs were deleted: not those of another project, as of the one before."""
        if missing and self.sdk.shows_the_project():
            for key in missing:
                standing = self.ledger.standing(key)
                if standing is None or not self.sdk.leads_elsewhere(standing.destination):
                    self.ledger.note_deleted(key)

    def _close(self, key: str, reason: str) -> None:
        """Has an open run delivered again, or, where nothing of it can be sent any more, ends it as it is."""
        if self.ledger.deliver_again(key, reason):
            return
        standing = self.ledger.standing(key)
        if standing is not None and _is_over(standing):
            self._end(key)

    def _end(self, key: str) -> None:
        """Ends a run as it is; one that W&B doesn't let end is told, and holds no other one back."""
        putting_right = PuttingRight(
            "wandb", self.sdk.probe, (RunRefusedError, WandbRefusedError), (UploadError,)
        )
        putting_right.of_run(key, partial(self._try_to_end, key))

    def _try_to_end(self, key: str) -> None:
        try:
            self.sdk.add_files(key, NO_FILES)
        finally:
            self.recycle(1)


def _is_over(standing: Standing) -> bool:
    """Returns whether nobody will send the run's content: a delivery may be given up once it is reopened."""
    return standing.run_id is not None and standing.status not in (PENDING, HANDED_OVER)
