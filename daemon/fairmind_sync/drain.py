"""Drains every enabled provider once, in its own worker processes: the CLI's way, without a daemon."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING

import structlog

from fairmind_sync import lookup, schema, worker
from fairmind_sync.database import reading
from fairmind_sync.worker_slot import processes_for

if TYPE_CHECKING:
    from fairmind_sync.provider_names import ProviderName
    from fairmind_sync.settings import Settings

_PROGRESS_INTERVAL_S = 0.2

log = structlog.get_logger()


def drain_once(
    settings: Settings, on_progress: Callable[[dict[str, int]], None] = lambda _counts: None
) -> dict[str, int]:
    """Runs until nothing is due; a provider that was offline or blocked is probed at once.

    `on_progress` gets each provider's number of unfinished deliveries, now and then.

    Returns:
        What is left: pending and dead deliveries of each provider; providers without any are left out.
    """
    spawn = multiprocessing.get_context("spawn")
    workers = [
        (provider, number, worker.Wires())
        for provider, waiting in _pending(settings).items()
        for number in range(1, 1 + processes_for(provider, waiting))
    ]
    pools = [
        ProcessPoolExecutor(1, spawn, worker.start, (settings, wires)) for _, _, wires in workers
    ]
    try:
        drains = {
            pool.submit(
                worker.drain, provider, settings, probe_now=number == 1, and_sweep=number == 1
            ): provider
            for pool, (provider, number, _) in zip(pools, workers, strict=True)
        }
        _wait(drains, settings, on_progress)
    finally:
        for _, _, wires in workers:
            wires.stop.value = True
        for pool in pools:
            pool.shutdown()
    return unfinished(settings)


def unfinished(settings: Settings) -> dict[str, int]:
    with reading(schema.ready_engine(settings.database_url)) as connection:
        return lookup.unfinished(connection, settings.enabled)


def _pending(settings: Settings) -> dict[ProviderName, int]:
    with reading(schema.ready_engine(settings.database_url)) as connection:
        return {name: lookup.pending(connection, name) for name in settings.enabled}


def _wait(
    drains: dict[Future[None], ProviderName],
    settings: Settings,
    on_progress: Callable[[dict[str, int]], None],
) -> None:
    running = set(drains)
    while running:
        ended, running = wait(running, timeout=_PROGRESS_INTERVAL_S)
        on_progress(unfinished(settings))
        for future in ended:
            _log_failure(drains[future], future)


def _log_failure(provider: ProviderName, future: Future[None]) -> None:
    if isinstance(future.exception(), BrokenProcessPool):
        log.error("worker.failed", provider=provider, reason="the worker process ended early")
    else:
        future.result()
