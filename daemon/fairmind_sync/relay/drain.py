"""Drains every enabled provider once, in worker processes, without a daemon: for the command line."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING

import structlog

from fairmind_sync.outbox import workload
from fairmind_sync.relay import worker
from fairmind_sync.relay.decision import decide
from fairmind_sync.relay.shared_flags import SharedFlags
from fairmind_sync.relay.worker_count import processes_for
from fairmind_sync.storage import erasure
from fairmind_sync.storage.engine import reading

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from fairmind_sync.provider_names import ProviderName
    from fairmind_sync.settings import Settings

_PROGRESS_INTERVAL_S = 0.2

log = structlog.get_logger()


def drain_once(
    engine: Engine,
    settings: Settings,
    on_progress: Callable[[dict[str, int]], None] = lambda _counts: None,
) -> dict[str, int]:
    """Delivers until nothing is due; a provider that was offline or blocked is probed at once.

    `on_progress` gets each provider's number of unfinished deliveries, now and then.

    Returns:
        How many deliveries of each provider are left, pending or dead; a provider with none is left out.
    """
    decide(engine, settings)
    spawn = multiprocessing.get_context("spawn")
    workers = _workers_for(engine, settings)
    pools = [
        ProcessPoolExecutor(1, spawn, worker.start, (settings, flags)) for _, _, flags in workers
    ]
    try:
        drains = {
            pool.submit(
                worker.drain,
                provider,
                settings,
                probe_now=number == 1,
                and_sweep=number == 1,
                and_evidence=number == 1 and settings.evidence != "none",
            ): provider
            for pool, (provider, number, _) in zip(pools, workers, strict=True)
        }
        _wait(drains, lambda: on_progress(unfinished(engine, settings)))
    finally:
        for _, _, flags in workers:
            flags.stop.value = True
        for pool in pools:
            pool.shutdown()
    erasure.empty_log(engine)
    return unfinished(engine, settings)


def unfinished(engine: Engine, settings: Settings) -> dict[str, int]:
    """Returns how many deliveries are pending or dead by provider; leaves out who has none or is disabled."""
    with reading(engine) as connection:
        return workload.unfinished(connection, settings.owed)


def _workers_for(engine: Engine, settings: Settings) -> list[tuple[ProviderName, int, SharedFlags]]:
    """Returns provider, number and flags of each process that the enabled providers' backlogs are worth."""
    with reading(engine) as connection:
        pending = {name: workload.pending(connection, name) for name in settings.enabled}
    return [
        (provider, number, SharedFlags())
        for provider, count in pending.items()
        for number in range(1, 1 + processes_for(provider, count))
    ]


def _wait(drains: dict[Future[None], ProviderName], on_progress: Callable[[], None]) -> None:
    running = set(drains)
    while running:
        ended, running = wait(running, timeout=_PROGRESS_INTERVAL_S)
        on_progress()
        for future in ended:
            _log_failure(drains[future], future)


def _log_failure(provider: ProviderName, future: Future[None]) -> None:
    if isinstance(future.exception(), BrokenProcessPool):
        log.error("worker.failed", provider=provider, reason="the worker process ended early")
    else:
        future.result()
