"""The Python API for results, which FairMind imports: saves, reads, lists, deletes and counts a user's
results. After an error it raises; `fairmind` is the same without raising.

Nothing here waits for the network or needs a daemon. A backend's `services/bias_test_results.py` is one line:

    from fairmind_sync import bias_test_results

Each call has a twin for code without an event loop, whose name ends in `_sync`. A user's id never finds, and
never deletes, a result of another user.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fairmind_sync.intake import entries
from fairmind_sync.intake.forgotten import warn_of_forgotten_provider
from fairmind_sync.intake.prepare import prepare
from fairmind_sync.intake.save import save_all
from fairmind_sync.intake.timestamps import when_tested
from fairmind_sync.outbox import deletion, operator_log, result_lookup, saved_results
from fairmind_sync.storage.engine import reading
from fairmind_sync.storage.schema import ready_engine

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Engine

    from fairmind_sync.outbox.saving import Saved
    from fairmind_sync.results.delivery import NewResult
    from fairmind_sync.settings import Settings


async def save_test_result(
    test_id: str,
    user_id: str | None,
    model_id: str,
    dataset_id: str | None,
    test_type: str,
    results: Mapping[str, object],
    metadata: Mapping[str, object] | None = None,
    *,
    timestamp: datetime | str | None = None,
) -> bool:
    """Stores the result and a delivery for each enabled provider, in one local transaction.

    The same content under the same `test_id` again changes nothing, whatever its time; other content is a
    new revision. `timestamp` is when the result was tested (ISO 8601, or a datetime with its zone), for a
    result that is older than its save.

    Returns:
        True: the result is on disk.

    Raises:
        PayloadError: the result holds a value that can't be stored; the message names the value's path.
        StorageError: the database can't be written; nothing was stored.
        SettingsError: the database's variable is wrong, or FAIRMIND_SYNC_REDACT; nothing was stored.
    """
    return await asyncio.to_thread(
        save_test_result_sync,
        test_id,
        user_id,
        model_id,
        dataset_id,
        test_type,
        results,
        metadata,
        timestamp=timestamp,
    )


def save_test_result_sync(
    test_id: str,
    user_id: str | None,
    model_id: str,
    dataset_id: str | None,
    test_type: str,
    results: Mapping[str, object],
    metadata: Mapping[str, object] | None = None,
    *,
    timestamp: datetime | str | None = None,
) -> bool:
    settings = _settings()
    new = prepare(
        test_id,
        user_id,
        model_id,
        dataset_id,
        test_type,
        results,
        metadata,
        private_fields=settings.private_fields,
        created_at=when_tested(timestamp),
    )
    _store(settings, [new])
    return True


async def save_test_results(results: Iterable[Mapping[str, object]]) -> int:
    """Stores many results at once, in one local transaction: all of them, or none if one is wrong.

    Each is a mapping with the names of `save_test_result`'s arguments; `user_id`, `dataset_id`, `metadata`
    and `timestamp` may be missing. Runs are listed in the given order.

    Returns:
        How many are new; the others were stored before, with the same content.

    Raises:
        As `save_test_result`; a PayloadError's message says which result is wrong, counted from 1.
    """
    return await asyncio.to_thread(save_test_results_sync, results)


def save_test_results_sync(results: Iterable[Mapping[str, object]]) -> int:
    settings = _settings()
    prepared = entries.prepare_all(results, settings.private_fields)
    return sum(one.is_new for one in _store(settings, prepared))


async def get_test_result(test_id: str, user_id: str | None) -> dict[str, Any] | None:
    """Returns the user's result as a record; None if there is no such test.

    A record has `id`, `user_id`, `model_id`, `dataset_id`, `test_type`, `timestamp` (ISO 8601),
    `overall_risk`, `metrics_passed`, `metrics_failed`, `results`, `summary`, `recommendations`, `metadata`.
    The metadata hold `wandb_run_id` and `mlflow_run_id` of delivered runs.

    Raises:
        StorageError: the database can't be read.
    """
    return await asyncio.to_thread(get_test_result_sync, test_id, user_id)


def get_test_result_sync(test_id: str, user_id: str | None) -> dict[str, Any] | None:
    with reading(_engine()) as connection:
        return result_lookup.record(connection, test_id, user_id or "")


async def list_test_results(
    user_id: str | None,
    model_id: str | None = None,
    test_type: str | None = None,
    limit: int = 50,
    offset: int = 0,
) -> list[dict[str, Any]]:
    """Returns the user's records, newest first, without `results`, `recommendations` and `metadata`.

    Raises:
        StorageError: the database can't be read.
    """
    return await asyncio.to_thread(
        list_test_results_sync, user_id, model_id, test_type, limit, offset
    )


def list_test_results_sync(
    user_id: str | None,
    model_id: str | None = None,
    test_type: str | None = None,
    limit: int = 50,
    offset: int = 0,
) -> list[dict[str, Any]]:
    with reading(_engine()) as connection:
        return result_lookup.summaries(
            connection,
            user_id or "",
            model_id=model_id,
            test_type=test_type,
            limit=max(0, limit),
            offset=max(0, offset),
        )


async def report(test_id: str, user_id: str | None) -> str | None:
    """Returns the report of the user's result: one page of HTML without script, whole in itself.

    The same page is among the evidence of a run, and on the status page.

    Returns:
        The page; None if there is no such test, or its payload was erased.

    Raises:
        StorageError: the database can't be read.
    """
    return await asyncio.to_thread(report_sync, test_id, user_id)


def report_sync(test_id: str, user_id: str | None) -> str | None:
    from fairmind_sync.evidence.files import report_of  # noqa: PLC0415 who saves makes no reports

    with reading(_engine()) as connection:
        result = saved_results.newest_result(connection, test_id, user_id or "")
    return None if result is None else report_of(result)


async def delete_test_result(test_id: str, user_id: str | None) -> bool:
    """Deletes the user's result, and discards its deliveries that wait for a provider.

    Runs that exist stay at their provider, and their URLs can still be looked up here.

    Returns:
        Whether there was such a result.

    Raises:
        StorageError: the database can't be written; nothing was deleted.
    """
    return await asyncio.to_thread(delete_test_result_sync, test_id, user_id)


def delete_test_result_sync(test_id: str, user_id: str | None) -> bool:
    here = operator_log.of_this_process()
    by = operator_log.Actor(f"user {user_id}", here.origin) if user_id else here
    return deletion.delete_for(_engine(), test_id, user_id or "", by) > 0


async def get_test_statistics(user_id: str | None, model_id: str | None = None) -> dict[str, Any]:
    """Returns how the user's tests went.

    The numbers are `total_tests`, `by_risk`, `by_type`, `total_metrics_tested`, `metrics_passed`,
    `metrics_failed`, and `pass_rate` in percent.

    Raises:
        StorageError: the database can't be read.
    """
    return await asyncio.to_thread(get_test_statistics_sync, user_id, model_id)


def get_test_statistics_sync(user_id: str | None, model_id: str | None = None) -> dict[str, Any]:
    with reading(_engine()) as connection:
        return result_lookup.statistics(connection, user_id or "", model_id)


def _store(settings: Settings, prepared: Sequence[NewResult]) -> list[Saved]:
    saved = save_all(ready_engine(settings.database_url), prepared, settings.owed)
    warn_of_forgotten_provider(settings)
    return saved


def _engine() -> Engine:
    return ready_engine(_settings().database_url)


def _settings() -> Settings:
    """Returns the settings; pydantic is imported here, so that no backend's start waits for the import."""
    from fairmind_sync.settings import current_settings  # noqa: PLC0415 see above

    return current_settings()
