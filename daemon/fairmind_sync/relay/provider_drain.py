"""What one worker does in one drain of a provider: opens it, runs `Relay`, then the sweep, then missing
evidence; records a provider that can't be opened.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from fairmind_sync.clock import ClockWatch
from fairmind_sync.errors import ProviderUnavailableError
from fairmind_sync.providers import folder
from fairmind_sync.providers.secrets import secrets_of
from fairmind_sync.relay import sweep
from fairmind_sync.relay.evidence_pass import EvidencePass
from fairmind_sync.relay.loop import Relay
from fairmind_sync.relay.unavailable import note_unavailable
from fairmind_sync.storage.engine import current_time

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from fairmind_sync.provider_names import ProviderName
    from fairmind_sync.providers.base import Provider
    from fairmind_sync.settings import Settings


@dataclass(frozen=True, slots=True)
class ProviderDrain:
    """What one worker process does for the provider `name`, which `opened` opens.

    `worker` is how the process signs its attempts; the other fields are those of `Relay`.
    """

    engine: Engine
    name: ProviderName
    settings: Settings
    opened: Callable[[], Provider]
    worker: str
    should_stop: Callable[[], bool] = lambda: False
    watch: Callable[[timedelta | None], None] = lambda _longest: None
    pause: Callable[[float], object] = time.sleep
    chance: Random = field(default_factory=Random)
    steady: Callable[[], float] = time.monotonic

    def run(
        self,
        *,
        probe_now: bool = False,
        and_sweep: bool = False,
        and_evidence: bool = False,
        longest: timedelta | None = None,
    ) -> None:
        """Delivers what is due; records an enabled provider that can't be opened, or went away.

        `and_sweep` has the provider swept afterwards, where it takes runs still and the machine has not slept
        meanwhile; `and_evidence` has missing evidence tried. After `longest` no further batch begins.
        """
        clock_watch = ClockWatch(self._wall, self.steady)
        try:
            provider = self.opened()
            relay = self.relay(provider)
            relay.drain(probe_now=probe_now, longest=longest)
            has_slept = sweep.is_long(clock_watch.jump())
            if and_sweep and relay.may_go_on() and not has_slept:
                sweep.sweep(self.engine, provider, self.watch)
            while and_evidence and self._evidence_pass(provider).run():
                relay.drain()
        except ProviderUnavailableError as error:
            clock, secrets = partial(current_time, self.engine), secrets_of(self.settings)
            note_unavailable(self.engine, self.name, error, self.chance, clock, secrets)

    def _wall(self) -> float:
        return current_time(self.engine).timestamp()

    def relay(self, provider: Provider) -> Relay:
        """Returns the relay that goes by the settings, in the name of the worker."""
        return Relay(
            self.engine,
            provider,
            max_attempts=self.settings.max_attempts,
            most_leased=self.settings.max_in_flight,
            most_a_second=folder(provider.name).runs_per_second(self.settings),
            pause=self.pause,
            should_stop=self.should_stop,
            watch=self.watch,
            chance=self.chance,
            worker=self.worker,
            secrets=secrets_of(self.settings),
        )

    def _evidence_pass(self, provider: Provider) -> EvidencePass:
        return EvidencePass(
            self.engine,
            provider,
            clock=partial(current_time, self.engine),
            should_stop=self.should_stop,
            watch=self.watch,
            secrets=secrets_of(self.settings),
        )
