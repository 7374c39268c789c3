"""What FairMind imports to save bias-test results. Saving never waits for a provider or the network.

Needs no daemon. A backend's `services/bias_test_results.py` holds one line:

    from fairmind_sync import bias_test_results
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fairmind_sync import maintenance, payload, saving, schema, settings
from fairmind_sync.database import writing
from fairmind_sync.errors import PayloadError

if TYPE_CHECKING:
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
    """`save_test_result` for code without an event loop."""
    new = prepare(test_id, user_id, model_id, dataset_id, test_type, results, metadata)
    save_all([new], settings.current())
    return True


def prepare(
    test_id: str,
    user_id: str | None,
    model_id: str,
    dataset_id: str | None,
    test_type: str,
    results: Mapping[str, object],
    metadata: Mapping[str, object] | None = None,
) -> NewResult:
    """The result in the form in which it is stored.

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
    plain_results = _plain_object(results, "results")
    plain_metadata = _plain_object({} if metadata is None else metadata, "metadata")
    return saving.NewResult(
        **identity,
        results=payload.dumps(plain_results),
        metadata=payload.dumps(plain_metadata),
        digest=payload.digest([*identity.values(), plain_results, plain_metadata]),
    )


def save_all(new_results: Iterable[NewResult], to: Settings) -> list[Saved]:
    """Stores prepared results, with their deliveries, in one transaction: all of them or none.

    Raises:
        StorageError: as `save_test_result`.
    """
    engine = schema.ready_engine(to.database_url)
    maintenance.require_space(engine)
    with writing(engine) as connection:
        now = datetime.now(UTC)
        return [saving.save(connection, new, to.enabled, now) for new in new_results]


def _plain_object(value: object, name: str) -> dict[str, payload.Json]:
    plain = payload.plain(value, name)
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
