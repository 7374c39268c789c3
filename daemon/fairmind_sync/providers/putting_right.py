"""How a sweep puts each run right: what one run alone meets with is told, and the others have their turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fairmind_sync.event_log import get_logger
from fairmind_sync.provider_names import ProviderName

_TRIES = 2
"""A request without an answer may be lost, and is the last chance of a sweep that nobody repeats."""

log = get_logger()


@dataclass(frozen=True, slots=True)
class PuttingRight:
    """How a provider tells what is one run's own; `probe` raises where the provider takes no runs at all.

    `refusals` are the errors of a run that is refused, `doubts` those of a request that got no answer.
    """

    provider: ProviderName
    probe: Callable[[], None]
    refusals: tuple[type[Exception], ...]
    doubts: tuple[type[Exception], ...]

    def of_run(self, run_id: str, repair: Callable[[], None]) -> bool:
        """Has the run repaired, after a doubt once more; logs a run that stays as it is, and why.

        Returns:
            Whether the run is repaired.

        Raises:
            ProviderUnavailableError: it is no fault of the run: the provider takes none now.
        """
        reason = ""
        for _ in range(_TRIES):
            try:
                repair()
            except self.refusals as error:
                self.probe()
                reason = str(error)
                break
            except self.doubts as error:
                self.probe()
                reason = str(error)
            else:
                return True
        self.tell(run_id, reason)
        return False

    def tell(self, run_id: str, reason: str) -> None:
        log.warning("run.left_open", provider=self.provider, run_id=run_id, reason=reason)
