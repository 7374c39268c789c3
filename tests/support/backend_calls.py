"""The environment of a FairMind backend that calls us, and the calls' answers to a test's saves."""

from __future__ import annotations

from typing import Any

import pytest

from fairmind_sync import bias_test_results as service
from fairmind_sync.outbox.saving import Saved
from fairmind_sync.settings import current_settings
from fairmind_sync.testing import new_result
from tests.support.deliveries import save_with


def enter(patch: pytest.MonkeyPatch, database_url: str, provider: str = "both") -> None:
    """From here on the drop-in calls work on this database."""
    patch.setenv("MLOPS_PROVIDER", provider)
    patch.setenv("FAIRMIND_SYNC_DATABASE_URL", database_url)
    current_settings.cache_clear()


def save(test_id: str = "t", **changes: Any) -> Saved:
    """Saves a result of the user 'user-1', with the environment's settings; `changes` as in `new_result`."""
    (saved,) = save_with(current_settings(), [new_result(test_id=test_id, **changes)])
    return saved


def get(test_id: str = "t", user_id: str | None = "user-1") -> dict[str, Any]:
    found = service.get_test_result_sync(test_id, user_id)
    assert found is not None
    return found


def listed(user_id: str | None = "user-1", **options: Any) -> list[str]:
    """The ids in their order."""
    return [one["id"] for one in service.list_test_results_sync(user_id, **options)]
