"""The Python API for runs, which FairMind imports: status of the integration, a run's URL, and
`log_bias_test`, which saves and waits for the delivery.

A backend's `services/mlops_integration.py` holds one line:

    from fairmind_sync import mlops_integration
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fairmind_sync.intake.prepare import prepare
from fairmind_sync.intake.save import save_all
from fairmind_sync.intake.timestamps import when_tested
from fairmind_sync.intake.wait import DeliveryWait, logging_status, wait_until_over
from fairmind_sync.outbox import delivery_lookup
from fairmind_sync.providers.destinations import integration_status
from fairmind_sync.settings import current_settings
from fairmind_sync.storage.schema import ready_engine

if TYPE_CHECKING:
    from datetime import datetime

    from fairmind_sync.provider_names import ProviderName


def is_enabled() -> bool:
    """Returns whether results are owed to a provider, maybe to one that MLOPS_PROVIDER misspells."""
    return bool(current_settings().owed)


def get_status() -> dict[str, Any]:
    """Returns the integration's configuration without secrets; a disabled provider's values are None."""
    return integration_status(current_settings())


def log_bias_test(
    test_id: str,
    model_id: str,
    test_type: str,
    results: Mapping[str, object],
    metadata: Mapping[str, object] | None = None,
    *,
    user_id: str | None = None,
    dataset_id: str | None = None,
    wait: float = 10.0,
    timestamp: datetime | str | None = None,
) -> dict[str, dict[str, Any]]:
    """Saves the result, then waits up to `wait` seconds for the daemon to deliver it.

    Doesn't wait where no daemon is alive, nor for a provider that is offline, blocked or paused. Doesn't wait
    either in a thread that runs an event loop, which would stand still: `log_bias_test_async` waits there.
    Where no provider is enabled, doesn't save. `timestamp` as in `bias_test_results.save_test_result`.

    Returns:
        For each provider, `enabled`, `success`, `run_id` and `url`; for an enabled one also `status`
        (pending, handed_over, delivered, dead or discarded), `delivery_id`, and `error` once there was
        an error.

    Raises:
        PayloadError: the result holds a value that can't be stored; nothing was stored.
        StorageError: the database can't be written; nothing was stored.
        SettingsError: the database's variable is wrong, or FAIRMIND_SYNC_REDACT; nothing was stored.
    """
    seconds = 0 if _a_loop_runs_here() else wait
    tested = when_tested(timestamp)
    waiting = _saved(
        *(test_id, user_id, model_id, dataset_id, test_type, results, metadata, tested),
        wait=seconds,
    )
    if waiting is None:
        return logging_status(())
    while not waiting.is_over():
        time.sleep(waiting.pause_s)
    return logging_status(waiting.found)


async def log_bias_test_async(
    test_id: str,
    model_id: str,
    test_type: str,
    results: Mapping[str, object],
    metadata: Mapping[str, object] | None = None,
    *,
    user_id: str | None = None,
    dataset_id: str | None = None,
    wait: float = 10.0,
    timestamp: datetime | str | None = None,
) -> dict[str, dict[str, Any]]:
    """Does what `log_bias_test` does, and waits without holding up the event loop; for asynchronous code.

    Saves in a thread of the event loop's, as `save_test_result` does, and holds none while it waits.

    Raises:
        PayloadError: the result holds a value that can't be stored; nothing was stored.
        StorageError: the database can't be written; nothing was stored.
        SettingsError: the database's variable is wrong, or FAIRMIND_SYNC_REDACT; nothing was stored.
    """
    waiting = await asyncio.to_thread(
        _saved,
        *(test_id, user_id, model_id, dataset_id, test_type, results, metadata),
        when_tested(timestamp),
        wait=wait,
    )
    if waiting is None:
        return logging_status(())
    await wait_until_over(waiting)
    return logging_status(waiting.found)


def _saved(
    test_id: str,
    user_id: str | None,
    model_id: str,
    dataset_id: str | None,
    test_type: str,
    results: Mapping[str, object],
    metadata: Mapping[str, object] | None,
    created_at: datetime | None,
    *,
    wait: float,
) -> DeliveryWait | None:
    """Saves the result; returns the wait for its deliveries, None where nothing is saved or owed."""
    settings = current_settings()
    if not settings.owed:
        return None
    new = prepare(
        test_id,
        user_id,
        model_id,
        dataset_id,
        test_type,
        results,
        metadata,
        private_fields=settings.private_fields,
        created_at=created_at,
    )
    engine = ready_engine(settings.database_url)
    (saved,) = save_all(engine, [new], settings.owed)
    return DeliveryWait(engine, saved, settings.owed, wait)


def _a_loop_runs_here() -> bool:
    """Returns whether this thread runs an event loop, as a notebook's does: a wait would hold it up."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def get_run_url(provider: ProviderName, run_id: str) -> str | None:
    """Returns the run's URL as recorded at its delivery, from the local database; None for an unknown run."""
    return delivery_lookup.run_url(ready_engine(current_settings().database_url), provider, run_id)
