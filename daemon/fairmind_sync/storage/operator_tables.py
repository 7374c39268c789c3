"""Defines the tables of operators' actions, webhook events, and samples of how providers stood over time."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    Float,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from fairmind_sync.storage.column_types import ForeignText, ForeignWords, UtcDateTime
from fairmind_sync.storage.table_parts import Id, metadata, one_of, provider_column

ACTIONS = (
    *("retry", "discard", "pause", "resume", "backfill", "delete"),
    *("trust", "distrust", "export", "import", "receipts", "take back"),
)
operator_actions_table = Table(
    "operator_actions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("action", String(16), nullable=False),
    Column(
        "who",
        ForeignText,
        nullable=False,
        comment="as they signed in, their account, or the user of the result",
    ),
    Column(
        "origin",
        ForeignText,
        nullable=False,
        comment="command line, page, REST API or Python, and from which host",
    ),
    Column("provider", String(16)),
    Column(
        "subject",
        ForeignText,
        nullable=False,
        comment="the deliveries or the test that it was about",
    ),
    Column("count", Integer, nullable=False, comment="how many changed"),
    Column("reason", ForeignText, comment="as the operator gave it"),
    one_of("action", ACTIONS),
    CheckConstraint("count >= 0", name="count_not_negative"),
)

webhook_events_table = Table(
    "webhook_events",
    metadata,
    Column("id", Id, primary_key=True),
    Column("event_key", Text, nullable=False, comment="one event is told once, whoever notices it"),
    Column("body", Text, nullable=False, comment="JSON, as it is sent"),
    Column("created_at", UtcDateTime, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", UtcDateTime, comment="when it is sent, or sent again; none: it is over"),
    Column("sent_at", UtcDateTime),
    Column("last_error", ForeignWords, comment="why it was not taken"),
    CheckConstraint("attempts >= 0", name="attempts_not_negative"),
    UniqueConstraint("event_key"),
)

provider_samples_table = Table(
    "provider_samples",
    metadata,
    provider_column(primary_key=True),
    Column("at", UtcDateTime, primary_key=True),
    Column("pending", Id, nullable=False),
    Column("dead", Id, nullable=False),
    Column("delivered", Id, nullable=False, comment="ever since the beginning"),
    Column("seconds", Float, nullable=False, comment="that these took, all together"),
)
