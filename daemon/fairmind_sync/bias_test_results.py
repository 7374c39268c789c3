"""What FairMind imports to save bias-test results and to read them. Nothing here waits for the network.

Needs no daemon. A backend's `services/bias_test_results.py` holds one line:

    from fairmind_sync import bias_test_results

Each call has a twin for code without an event loop, whose name ends in `_sync`. A user's id never finds, and
never deletes, a result of another user.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from fairmind_sync import database, deletion, maintenance, payload, privacy, records, saving, schema
from fairmind_sync.database import reading, writing
from fairmind_sync.errors import PayloadError
from fairmind_sync.verdict import verdict_of

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from fairmind_sync.saving import NewResult, Saved
    from fairmind_sync.settings import Settings

LONGEST_IDENTIFIER = 500


async def save_test_result(
    test_id: str,
    user_id: str | None,
    model_id: str,
    dataset_id: str | None,
    test_type: str,
    results: Mapping[str, object],
    metadata: Mapping[str, object] | None = None,
) -> bool:
    """Stores the result and a delivery for each enabled provider, in one local transaction.

    The same content under the same `test_id` again changes nothing; other content is a new revision.

    Returns:
        True: the result is on disk.

    Raises:
        PayloadError: the result holds what can't be stored; names its path.
        StorageError: the database can't be written; nothing was stored.
        SettingsError: a variable is wrong; nothing was stored.
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
    )


def save_test_result_sync(
    test_id: str,
    user_id: str | None,
    model_id: str,
    dataset_id: str | None,
    test_type: str,
    results: Mapping[str, object],
    metadata: Mapping[str, object] | None = None,
) -> bool:
    new = prepare(test_id, user_id, model_id, dataset_id, test_type, results, metadata)
    save_all([new], _configured())
    return True


async def get_test_result(test_id: str, user_id: str | None) -> dict[str, Any] | None:
    """The user's result with `id`, `user_id`, `model_id`, `dataset_id`, `test_type`, `timestamp` (ISO 8601),
    `overall_risk`, `metrics_passed`, `metrics_failed`, `results`, `summary`, `recommendations`, `metadata`.

    The metadata hold `wandb_run_id` and `mlflow_run_id` of delivered runs. None: there is no such test.

    Raises:
        StorageError: the database can't be read.
    """  # noqa: D205 a list of fields is no summary line
    return await asyncio.to_thread(get_test_result_sync, test_id, user_id)


def get_test_result_sync(test_id: str, user_id: str | None) -> dict[str, Any] | None:
    with reading(_engine()) as connection:
        return records.record(connection, test_id, user_id or "")


async def list_test_results(
    user_id: str | None,
    model_id: str | None = None,
    test_type: str | None = None,
    limit: int = 50,
    offset: int = 0,
) -> list[dict[str, Any]]:
    """The user's results, newest first, as `get_test_result` without results, recommendations, metadata.

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
        return records.summaries(
            connection,
            user_id or "",
            model_id=model_id,
            test_type=test_type,
            limit=max(0, limit),
            offset=max(0, offset),
        )


async def delete_test_result(test_id: str, user_id: str | None) -> bool:
    """Deletes the user's result. Deliveries that wait are discarded; runs that exist stay at their provider,
    and their URLs can still be looked up here.

    Returns:
        Whether there was such a result.

    Raises:
        StorageError: the database can't be written; nothing was deleted.
    """  # noqa: D205 what happens to its deliveries belongs into the first sentence
    return await asyncio.to_thread(delete_test_result_sync, test_id, user_id)


def delete_test_result_sync(test_id: str, user_id: str | None) -> bool:
    engine = _engine()
    with writing(engine) as connection:
        return deletion.delete(connection, test_id, user_id or "", database.now(engine)) > 0


async def get_test_statistics(user_id: str | None, model_id: str | None = None) -> dict[str, Any]:
    """How the user's tests went: `total_tests`, `by_risk`, `by_type`, `total_metrics_tested`,
    `metrics_passed`, `metrics_failed`, and `pass_rate` in percent.

    Raises:
        StorageError: the database can't be read.
    """  # noqa: D205 a list of fields is no summary line
    return await asyncio.to_thread(get_test_statistics_sync, user_id, model_id)


def get_test_statistics_sync(user_id: str | None, model_id: str | None = None) -> dict[str, Any]:
    with reading(_engine()) as connection:
        return records.statistics(connection, user_id or "", model_id)


def prepare(
    test_id: str,
    user_id: str | None,
    model_id: str,
    dataset_id: str | None,
    test_type: str,
    results: Mapping[str, object],
    metadata: Mapping[str, object] | None = None,
    *,
    created_at: datetime | None = None,
    configured: Settings | None = None,
) -> NewResult:
    """The result in the form in which it is stored, without the fields that are private.

    `configured` says which those are; by default the environment does.

    Raises:
        PayloadError: as `save_test_result`.
    """
    identity = {
        "test_id": _identifier("test_id", test_id),
        "user_id": _optional_identifier("user_id", user_id),
        "model_id": _identifier("model_id", model_id),
        "dataset_id": _optional_identifier("dataset_id", dataset_id),
        "test_type": _identifier("test_type", test_type),
    }
    private = (configured or _configured()).private_fields
    plain_results = _plain_object(results, "results", private)
    plain_metadata = _plain_object({} if metadata is None else metadata, "metadata", private)
    return saving.NewResult(
        **identity,
        results=payload.dumps(plain_results),
        metadata=payload.dumps(plain_metadata),
        digest=payload.digest([*identity.values(), plain_results, plain_metadata]),
        verdict=verdict_of(plain_results),
        created_at=created_at,
    )


def save_all(new_results: Iterable[NewResult], to: Settings) -> list[Saved]:
    """Stores prepared results, with their deliveries, in one transaction: all of them or none.

    Raises:
        StorageError: as `save_test_result`.
    """
    engine = schema.ready_engine(to.database_url)
    maintenance.require_space(engine)
    with writing(engine) as connection:
        return saving.save_all(connection, [*new_results], to.enabled, database.now(engine))


def save_once(new: NewResult, to: Settings, key: str) -> Saved:
    """Stores a prepared result for a request that may be repeated under the same key.

    Raises:
        KeyReusedError: the key was used for another result.
        StorageError: as `save_test_result`.
    """
    engine = schema.ready_engine(to.database_url)
    maintenance.require_space(engine)
    with writing(engine) as connection:
        return saving.save_once(connection, key, new, to.enabled, database.now(engine))


def _configured() -> Settings:
    """Pydantic takes half as long to import as SQLAlchemy: the first call pays, not a backend's start."""
    from fairmind_sync import settings  # noqa: PLC0415 see above

    return settings.current()


def _engine() -> Engine:
    return schema.ready_engine(_configured().database_url)


def _plain_object(
    value: object, name: str, private: tuple[privacy.Pattern, ...]
) -> dict[str, payload.Json]:
    plain = privacy.without_private(payload.plain(value, name), name, private)
    if not isinstance(plain, dict):
        raise PayloadError(f"{name} must be a dictionary, not {type(value).__name__}.")
    return plain


def _optional_identifier(name: str, value: str | None) -> str:
    return "" if value in (None, "") else _identifier(name, value)


def _identifier(name: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise PayloadError(f"{name} must be a text that is not empty, not {value!r}.")
    if len(value) > LONGEST_IDENTIFIER:
        raise PayloadError(f"{name} has {len(value)} characters; at most {LONGEST_IDENTIFIER} fit.")
    if not value.isprintable():
        raise PayloadError(
            f"{name} {value!r} holds control characters. Remove them and save again."
        )
    return str(value)
