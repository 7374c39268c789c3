"""Defines the main tables: results, deliveries (outbox), attempts, provider states, heartbeats, counts. CHECK
constraints make a row impossible that the code could not have meant.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from fairmind_sync.results.evidence_states import EVIDENCE_STATES
from fairmind_sync.results.states import BLOCKED, OFFLINE, READY, STATUSES
from fairmind_sync.storage.column_types import ForeignText, ForeignWords, UtcDateTime
from fairmind_sync.storage.hand_over_tables import (
    arrivals_table,
    bundles_table,
    hand_overs_table,
    own_site_table,
    trusted_sites_table,
)
from fairmind_sync.storage.operator_tables import (
    operator_actions_table,
    provider_samples_table,
    webhook_events_table,
)
from fairmind_sync.storage.table_parts import Id, metadata, one_of, partial_index, provider_column

__all__ = [
    "ALIVE_FOR",
    "arrivals_table",
    "attempt_counts_table",
    "attempts_table",
    "bundles_table",
    "delivery_counts_table",
    "hand_overs_table",
    "heartbeat_table",
    "idempotency_table",
    "latency_counts_table",
    "metadata",
    "operator_actions_table",
    "outbox_table",
    "own_site_table",
    "provider_samples_table",
    "provider_table",
    "results_table",
    "schema_support_table",
    "trusted_sites_table",
    "webhook_events_table",
]

results_table = Table(
    "bias_test_results",
    metadata,
    Column("id", Id, primary_key=True),
    Column("test_id", Text, nullable=False),
    Column("user_id", Text, nullable=False, comment="empty where none was given"),
    Column("revision", Integer, nullable=False),
    Column("model_id", Text, nullable=False),
    Column("dataset_id", Text, nullable=False, comment="empty where none was given"),
    Column("test_type", Text, nullable=False),
    Column("results", Text, nullable=False, comment="JSON; NaN and Infinity as Python writes them"),
    Column(
        "metadata", Text, nullable=False, comment="JSON; NaN and Infinity as Python writes them"
    ),
    Column("digest", String(64), nullable=False, comment="SHA-256 of the content, in hex"),
    Column("created_at", UtcDateTime, nullable=False),
    Column("overall_risk", Text, comment="of the results, for lists and statistics"),
    Column("metrics_passed", Integer, nullable=False, server_default="0"),
    Column("metrics_failed", Integer, nullable=False, server_default="0"),
    Column("deleted_at", UtcDateTime, comment="nobody finds it any more; its run URLs stay"),
    Column("erased_at", UtcDateTime, comment="the payload is gone: deleted, or pruned"),
    Column("removed", Text, comment="JSON: how many private fields were left out, by pattern"),
    Column(
        "has_passed",
        Boolean,
        comment="the whole test, as the result says; none: it says nothing, or is of before this column",
    ),
    CheckConstraint("test_id <> ''", name="test_id_given"),
    CheckConstraint("revision >= 1", name="revision_counts_from_one"),
    CheckConstraint("length(digest) = 64", name="digest_is_sha256"),
    UniqueConstraint("user_id", "test_id", "revision"),
    UniqueConstraint("user_id", "test_id", "digest"),
)
Index(None, results_table.c.test_id)
Index(None, results_table.c.user_id, results_table.c.created_at)
Index(None, results_table.c.model_id, results_table.c.created_at)
Index(None, results_table.c.model_id, results_table.c.id)
_TO_ERASE = text("deleted_at IS NOT NULL AND erased_at IS NULL")
partial_index("ix_bias_test_results_to_erase", _TO_ERASE, results_table.c.deleted_at)
_WHOLE = text("erased_at IS NULL")
partial_index("ix_bias_test_results_to_prune", _WHOLE, results_table.c.created_at)
_AT_RISK = text("overall_risk IS NOT NULL")
partial_index(
    "ix_bias_test_results_risk", _AT_RISK, results_table.c.overall_risk, results_table.c.id
)

outbox_table = Table(
    "outbox",
    metadata,
    Column("id", Id, primary_key=True),
    Column(
        "result_id", Id, ForeignKey("bias_test_results.id", ondelete="RESTRICT"), nullable=False
    ),
    provider_column(),
    Column("delivery_key", String(32), nullable=False, unique=True),
    Column("status", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", UtcDateTime, nullable=False, comment="when the next attempt may start"),
    Column("lease_token", String(32)),
    Column("lease_expires_at", UtcDateTime),
    Column("create_attempted_at", UtcDateTime, comment="a run may exist since then, id unknown"),
    Column("run_id", ForeignText),
    Column("run_url", ForeignText, comment="as the provider gave it; none where it has no pages"),
    Column(
        "destination",
        ForeignText,
        comment="where the run is: entity/project, or URI and experiment",
    ),
    Column("last_error", ForeignWords),
    Column("last_error_kind", String(32)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Column("evidence_state", String(16)),
    Column("evidence_reason", ForeignWords, comment="why they are not stored"),
    Column(
        "evidence_due_at", UtcDateTime, comment="when they are tried again; only of a delivered run"
    ),
    one_of("status", STATUSES),
    CheckConstraint("attempts >= 0", name="attempts_not_negative"),
    CheckConstraint(
        "(lease_token IS NULL) = (lease_expires_at IS NULL)", name="lease_has_token_and_expiry"
    ),
    CheckConstraint("lease_token IS NULL OR status = 'pending'", name="only_pending_is_leased"),
    CheckConstraint(
        "(finished_at IS NULL) = (status IN ('pending', 'handed_over'))", name="finished_has_a_time"
    ),
    CheckConstraint("status <> 'delivered' OR run_id IS NOT NULL", name="delivered_has_a_run"),
    one_of("evidence_state", EVIDENCE_STATES),
    UniqueConstraint("result_id", "provider"),
)
_PENDING = text("status = 'pending'")
partial_index("ix_outbox_claimable", _PENDING, outbox_table.c.provider, outbox_table.c.due_at)
partial_index(
    "ix_outbox_oldest_pending", _PENDING, outbox_table.c.provider, outbox_table.c.created_at
)
# One index on the column would seem to SQLite, which keeps no statistics, better than any other.
for _status in STATUSES:
    _of_status = text(f"status = '{_status}'")
    partial_index(
        f"ix_outbox_{_status}", _of_status, outbox_table.c.result_id, outbox_table.c.provider
    )
partial_index(
    "ix_outbox_run", text("run_id IS NOT NULL"), outbox_table.c.provider, outbox_table.c.run_id
)

_LEASED = text("lease_token IS NOT NULL")
partial_index("ix_outbox_leased", _LEASED, outbox_table.c.provider, outbox_table.c.lease_expires_at)

_OWED = text("evidence_due_at IS NOT NULL")
partial_index(
    "ix_outbox_evidence_due",
    _OWED,
    outbox_table.c.provider,
    outbox_table.c.evidence_due_at,
    outbox_table.c.evidence_state,
)

attempts_table = Table(
    "delivery_attempts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("delivery_id", Id, ForeignKey("outbox.id", ondelete="CASCADE"), nullable=False),
    Column("lease_token", String(32), nullable=False),
    Column(
        "worker", Text, nullable=False, comment="host:pid, and the mark of its daemon if it has one"
    ),
    Column("started_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime, comment="none: it is under way, or its worker died"),
    Column("outcome", String(16)),
    Column("error_kind", String(32)),
    Column("error", ForeignWords),
    one_of("outcome", ("delivered", "retry", "dead", "released")),
    CheckConstraint("(finished_at IS NULL) = (outcome IS NULL)", name="finished_has_an_outcome"),
    UniqueConstraint("delivery_id", "lease_token"),
)

_UNCLEAN = text("outcome IS NULL OR outcome <> 'delivered'")
partial_index("ix_delivery_attempts_unclean", _UNCLEAN, attempts_table.c.started_at)

provider_table = Table(
    "provider_state",
    metadata,
    provider_column(primary_key=True),
    Column("state", String(16), nullable=False),
    Column("reason", ForeignWords, comment="what to fix, in words"),
    Column("since", UtcDateTime, nullable=False),
    Column("next_probe_at", UtcDateTime),
    Column("last_success_at", UtcDateTime),
    Column(
        "address", ForeignText, comment="where it can't be reached; none where that isn't known"
    ),
    Column("paused_at", UtcDateTime, comment="an operator holds its deliveries back since then"),
    Column("evidence_failing_since", UtcDateTime, comment="no evidence was stored since then"),
    Column("evidence_next_at", UtcDateTime, comment="before that no more evidence is tried"),
    Column(
        "swept_until", UtcDateTime, comment="no attempt that began before needs a sweep any more"
    ),
    one_of("state", (READY, OFFLINE, BLOCKED)),
    CheckConstraint("(state = 'ready') = (next_probe_at IS NULL)", name="unready_has_a_probe"),
)

ALIVE_FOR = timedelta(seconds=15)
"""A daemon whose last heartbeat is longer ago counts as dead."""
heartbeat_table = Table(
    "daemon_heartbeats",
    metadata,
    Column("daemon_id", String(32), primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("version", Text, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
)

idempotency_table = Table(
    "idempotency_keys",
    metadata,
    Column("key", Text, primary_key=True, comment="as a client of the REST API chose it"),
    Column("digest", String(64), nullable=False, comment="of the result that it was used for"),
    Column("result_id", Id, ForeignKey("bias_test_results.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

delivery_counts_table = Table(
    "delivery_counts",
    metadata,
    Column("id", Id, primary_key=True),
    provider_column(),
    Column("status", String(16), nullable=False),
    Column(
        "count",
        Id,
        nullable=False,
        comment="kept by triggers; a pair's count is the sum of its rows",
    ),
)

schema_support_table = Table(
    "schema_support",
    metadata,
    Column(
        "oldest",
        String(16),
        primary_key=True,
        comment="the schema of the oldest version that may use this one",
    ),
)

attempt_counts_table = Table(
    "attempt_counts",
    metadata,
    provider_column(primary_key=True),
    Column("outcome", String(16), primary_key=True),
    Column("error_kind", String(32), primary_key=True, comment="empty where there is no error"),
    Column("count", Id, nullable=False),
)

latency_counts_table = Table(
    "latency_counts",
    metadata,
    provider_column(primary_key=True),
    Column("up_to_seconds", Float, primary_key=True, comment="1e308: no limit"),
    Column("count", Id, nullable=False),
    Column("total_seconds", Float, nullable=False),
)
