"""Judges what a site says of its providers: at rest they are ready, and the log has said so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.simulation.provider_log import BACK, LoggedEvent
from tests.simulation.simulation import Simulation
from tests.simulation.site_oracle import SiteOracle

_PAST = ("since", "last_success_at", "paused_at")


class ProviderOracle:
    """Compares a site's rows of its providers with their changes, its clock, and the log."""

    def __init__(self, run: Simulation, site: SiteOracle) -> None:
        self._run = run
        self._site = site.site
        self._states = site.states
        self._changes = site.changes

    def findings(self) -> Iterator[str]:
        now = f"{self._site.host.time():%Y-%m-%d %H:%M:%S.%f}"
        for row in self._states:
            provider = row["provider"]
            if provider not in self._site.settings.enabled:
                continue
            is_held = row["paused_at"] is not None or not self._site.has_network
            if row["state"] != "ready" and not is_held:
                yield f"stuck: {provider} is {row['state']} at rest: {row['reason']}"
            for name in _PAST if self._site.has_network else ():  # a daemon corrects times
                if (row[name] or "") > now:
                    yield f"state: {name} of {provider} is {row[name]}, and it is {now}"
            yield from self._of_log(provider, is_ready=row["state"] == "ready")

    def _of_log(self, provider: str, *, is_ready: bool) -> Iterator[str]:
        """Whoever was killed, or stood still, before the log may have logged late or never."""
        logged = self._run.log.of(self._site.numbers, provider)
        said = Counter((one.by.signature, one.event == BACK) for one in logged)
        changes = [(who, state) for who, of, state in self._changes if of == provider]
        changed = Counter((who, state == "ready") for who, state in changes)
        for (who, is_back), count in changed.items():
            if said[who, is_back] < count and not self._was_disturbed(who):
                what = "ready" if is_back else "unavailable"
                times = f"{count} times, and logged it {said[who, is_back]} times"
                yield f"log: {who} made {provider} {what} {times}"
        if (
            is_ready
            and logged
            and logged[-1].event != BACK
            and not self._is_late(changes, logged[-1])
        ):
            yield f"log: {provider} is ready, and the last that was logged of it is {logged[-1].event}"

    def _is_late(self, changes: list[tuple[str, str]], last: LoggedEvent) -> bool:
        return last.by.was_disturbed or self._was_disturbed(changes[-1][0])

    def _was_disturbed(self, who: str) -> bool:
        return self._site.host.ever_started[who].was_disturbed
