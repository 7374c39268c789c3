"""What FairMind imports to ask about the integration, to log by hand, and to look runs up.

A backend's `services/mlops_integration.py` holds one line:

    from fairmind_sync import mlops_integration
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fairmind_sync import bias_test_results, database, heartbeat, lookup, schema, settings
from fairmind_sync.database import reading
from fairmind_sync.logs import without_user
from fairmind_sync.models import DELIVERED, PENDING
from fairmind_sync.provider_names import PROVIDERS

if TYPE_CHECKING:
    from fairmind_sync.lookup import DeliveryRecord
    from fairmind_sync.provider_names import ProviderName
    from fairmind_sync.saving import Saved
    from fairmind_sync.settings import Settings

POLL_SECONDS = 0.05


def is_enabled() -> bool:
    """Whether MLOPS_PROVIDER names a provider."""
    return bool(settings.current().enabled)


def get_status() -> dict[str, Any]:
    """The integration's configuration; a disabled provider's values are None. Holds no secrets."""
    return status_of(settings.current())


def status_of(configured: Settings) -> dict[str, Any]:
    """As `get_status`, of the given settings."""
    wandb, mlflow = "wandb" in configured.enabled, "mlflow" in configured.enabled
    return {
        "provider": configured.provider,
        "wandb": {
            "enabled": wandb,
            "project": configured.wandb_project if wandb else None,
            "entity": configured.wandb_entity if wandb else None,
        },
        "mlflow": {
            "enabled": mlflow,
            "tracking_uri": without_user(configured.mlflow_tracking_uri) if mlflow else None,
            "experiment_name": configured.mlflow_experiment_name if mlflow else None,
        },
    }


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
) -> dict[str, dict[str, Any]]:
    """Saves the result, then waits for the daemon up to `wait` seconds.

    Returns at once where no provider is enabled (nothing is saved then) or no daemon is alive.

    Returns:
        For each provider `enabled`, `success`, `run_id` and `url`; if enabled, also `status` (pending,
        delivered, dead or discarded), `delivery_id`, and `error` once there is one.

    Raises:
        PayloadError, StorageError, SettingsError: as `bias_test_results.save_test_result`.
    """
    configured = settings.current()
    if not configured.enabled:
        return logging_status(())
    new = bias_test_results.prepare(
        test_id,
        user_id,
        model_id,
        dataset_id,
        test_type,
        results,
        metadata,
        configured=configured,
    )
    (saved,) = bias_test_results.save_all([new], configured)
    deadline = time.monotonic() + wait
    while True:
        found = deliveries_of(saved, configured)
        if is_settled(found) or time.monotonic() >= deadline or not daemon_is_alive(configured):
            return logging_status(found)
        time.sleep(POLL_SECONDS)


def get_run_url(provider: ProviderName, run_id: str) -> str | None:
    """The run's URL as recorded at its delivery, from the local database; None for an unknown run."""
    with reading(schema.ready_engine(settings.current().database_url)) as connection:
        found = lookup.delivery_by_run(connection, provider, run_id)
    return found.run_url if found else None


def deliveries_of(saved: Saved, configured: Settings) -> list[DeliveryRecord]:
    """The result's deliveries to the providers that are enabled now."""
    with reading(schema.ready_engine(configured.database_url)) as connection:
        found = lookup.deliveries(connection, lookup.RunFilter(result_id=saved.result_id))
    return [delivery for delivery in found if delivery.provider in configured.enabled]


def daemon_is_alive(configured: Settings) -> bool:
    engine = schema.ready_engine(configured.database_url)
    with reading(engine) as connection:
        return heartbeat.any_alive(connection, database.now(engine))


def is_settled(deliveries: list[DeliveryRecord]) -> bool:
    return all(delivery.status != PENDING for delivery in deliveries)


def logging_status(deliveries: list[DeliveryRecord] | tuple[()]) -> dict[str, dict[str, Any]]:
    """The document's dictionary: an entry for each provider, enabled or not."""
    status: dict[str, dict[str, Any]] = {
        provider: {"enabled": False, "success": False, "run_id": None, "url": None}
        for provider in PROVIDERS
    }
    return status | {delivery.provider: _entry(delivery) for delivery in deliveries}


def _entry(delivery: DeliveryRecord) -> dict[str, Any]:
    delivered = delivery.status == DELIVERED
    entry = {
        "enabled": True,
        "success": delivered,
        "status": delivery.status,
        "delivery_id": delivery.id,
        "run_id": delivery.run_id if delivered else None,
        "url": delivery.run_url,
    }
    return entry | ({"error": delivery.last_error} if delivery.last_error else {})
