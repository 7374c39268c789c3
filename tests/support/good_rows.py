"""A row for each table that its constraints let through, after those that it refers to."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table

from fairmind_sync.storage.tables import (
    arrivals_table,
    attempts_table,
    bundles_table,
    hand_overs_table,
    operator_actions_table,
    outbox_table,
    own_site_table,
    provider_table,
    results_table,
    webhook_events_table,
)
from tests.support.clock import NOW

RESULT: dict[str, Any] = {
    "test_id": "t",
    "user_id": "",
    "revision": 1,
    "model_id": "m",
    "dataset_id": "",
    "test_type": "ml_bias",
    "results": "{}",
    "metadata": "{}",
    "digest": "d" * 64,
    "created_at": NOW,
}
DELIVERY: dict[str, Any] = {
    "result_id": 1,
    "provider": "mlflow",
    "delivery_key": "k" * 32,
    "status": "pending",
    "attempts": 0,
    "due_at": NOW,
    "created_at": NOW,
}
ATTEMPT: dict[str, Any] = {
    "delivery_id": 1,
    "lease_token": "a",
    "worker": "host:1",
    "started_at": NOW,
}
STATE: dict[str, Any] = {"provider": "wandb", "state": "ready", "since": NOW}
ACTION: dict[str, Any] = {
    "at": NOW,
    "action": "retry",
    "who": "ann",
    "origin": "page",
    "subject": "delivery 1",
    "count": 1,
}
EVENT: dict[str, Any] = {"event_key": "k", "body": "{}", "created_at": NOW, "attempts": 0}
OWN_SITE: dict[str, Any] = {"id": 1, "name": "here", "public_keys": "k", "last_sequence": 0}
BUNDLE: dict[str, Any] = {
    "direction": "out",
    "kind": "results",
    "bundle_key": "b" * 32,
    "site": "s",
    "site_name": "there",
    "at": NOW,
    "deliveries": 1,
    "file": "out.bundle",
}
HAND_OVER: dict[str, Any] = {
    "delivery_id": 1,
    "site": "s",
    "bundle_key": "b" * 32,
    "epoch": 1,
    "handed_over_at": NOW,
    "heard_epoch": 0,
    "heard_sequence": 0,
}
ARRIVAL: dict[str, Any] = {
    "site": "s",
    "delivery_key": "k",
    "delivery_id": 1,
    "bundle_key": "b" * 32,
    "epoch": 1,
    "arrived_at": NOW,
}
GOOD: dict[Table, dict[str, Any]] = {
    results_table: RESULT,
    outbox_table: DELIVERY,
    attempts_table: ATTEMPT,
    provider_table: STATE,
    operator_actions_table: ACTION,
    webhook_events_table: EVENT,
    own_site_table: OWN_SITE,
    bundles_table: BUNDLE,
    hand_overs_table: HAND_OVER,
    arrivals_table: ARRIVAL,
}
