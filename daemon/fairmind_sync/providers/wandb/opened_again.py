"""The sweep of W&B: delivered runs that a late process opened again, or that somebody deleted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from fairmind_sync.providers.base import Ledger
from fairmind_sync.providers.putting_right import PuttingRight
from fairmind_sync.providers.wandb.late_files import READ_BACK_DELAYS_S
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
    """One sweep of a project; `recycle` counts runs that wandb-core opened, and restarts it when due.

    `pause` waits for so many seconds.
    """

    sdk: Sdk
    ledger: Ledger
    recycle: Callable[[int], None]
    pause: Callable[[float], object]

    def run(self, suspects: Sequence[str]) -> None:
        for first in range(0, len(suspects), _READ_AT_ONCE):
            asked = suspects[first : first + _READ_AT_ONCE]
            held = self.sdk.read_back(asked)
            opened = [(key, run.state) for key, run in held.items() if run.state != "finished"]
            self._confirm([key for key, state in opened if self._close(key, state)])
            self._look_for([key for key in asked if key not in held])

    def _look_for(self, missing: Sequence[str]) -> None:
        """Notes which runs were deleted: not those of another project, as of the one before."""
        if missing and self.sdk.shows_the_project():
            for key in missing:
                standing = self.ledger.standing(key)
                if standing is None or not self.sdk.leads_elsewhere(standing.destination):
                    self.ledger.note_deleted(key)

    def _close(self, key: str, state: str) -> bool:
        """Has an open run delivered again, or, where nothing of it can be sent any more, ends it as it is.

        Returns:
            Whether it was ended, by the SDK's word.
        """
        if self.ledger.deliver_again(key, f"the run is {state} at W&B"):
            return False
        standing = self.ledger.standing(key)
        if standing is None or not _is_over(standing):
            return False
        return self._putting_right(key).of_run(key, partial(self._try_to_end, key))

    def _confirm(self, ended: Sequence[str]) -> None:
        """Tells of runs that W&B still shows as open: a refused file stream ends without an error, too."""
        states = dict.fromkeys(ended, "")
        for delay in READ_BACK_DELAYS_S:
            if not states:
                return
            self.pause(delay)
            held = self.sdk.read_back(states)
            states = {key: run.state for key, run in held.items() if run.state != "finished"}
        for key, state in states.items():
            self._putting_right(key).tell(
                key, f"W&B took its end without an error, and shows that it is {state}"
            )

    def _putting_right(self, key: str) -> PuttingRight:
        refusals = (RunRefusedError, WandbRefusedError)
        return PuttingRight("wandb", partial(self._require, key), refusals, (UploadError,))

    def _require(self, key: str) -> None:
        """Raises where W&B takes nothing now: only the run's file stream tells of itself."""
        self.sdk.probe()
        self.sdk.require_stream(key)

    def _try_to_end(self, key: str) -> None:
        try:
            self.sdk.add_files(key, NO_FILES)
        finally:
            self.recycle(1)


def _is_over(standing: Standing) -> bool:
    """Returns whether nobody will send the run's content: a delivery may be given up once it is reopened."""
    return standing.run_id is not None and standing.status not in (PENDING, HANDED_OVER)
