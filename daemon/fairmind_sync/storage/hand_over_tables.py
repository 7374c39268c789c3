"""Defines the tables of hand-over: this site, trusted sites,
bundles, deliveries that went out, and those that came.

A site is named by its fingerprint, which is made of its public keys: names of sites may change.
"""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from fairmind_sync.storage.column_types import ForeignText, UtcDateTime
from fairmind_sync.storage.table_parts import Id, metadata, one_of, partial_index

DIRECTIONS = ("out", "in")
KINDS = ("results", "receipts")

own_site_table = Table(
    "own_site",
    metadata,
    Column("id", Id, primary_key=True, comment="1: there is one"),
    Column("name", Text, nullable=False),
    Column(
        "public_keys",
        Text,
        nullable=False,
        comment="public, in base64; the private ones are in a file",
    ),
    Column("last_sequence", Id, nullable=False, comment="of the newest receipts that were written"),
    CheckConstraint("id = 1", name="one_site"),
)

trusted_sites_table = Table(
    "trusted_sites",
    metadata,
    Column("fingerprint", String(32), primary_key=True),
    Column("name", Text, nullable=False),
    Column("public_keys", Text, nullable=False, comment="public, in base64"),
    Column("trusted_at", UtcDateTime, nullable=False),
    UniqueConstraint("name"),
)

bundles_table = Table(
    "bundles",
    metadata,
    Column("id", Id, primary_key=True),
    Column("direction", String(8), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("bundle_key", String(32), nullable=False, comment="random, of the site that wrote it"),
    Column("site", String(32), nullable=False, comment="whom it went to, or came from"),
    Column("site_name", Text, nullable=False, comment="what that site was called then"),
    Column("at", UtcDateTime, nullable=False, comment="when it was written, or first read, here"),
    Column("deliveries", Integer, nullable=False),
    Column("file", ForeignText, nullable=False),
    one_of("direction", DIRECTIONS),
    one_of("kind", KINDS),
    CheckConstraint("deliveries >= 0", name="deliveries_not_negative"),
    UniqueConstraint("bundle_key", "direction"),
)

hand_overs_table = Table(
    "hand_overs",
    metadata,
    Column("delivery_id", Id, ForeignKey("outbox.id", ondelete="CASCADE"), primary_key=True),
    Column("site", String(32), primary_key=True, comment="whom the delivery was handed over to"),
    Column("bundle_key", String(32), nullable=False, comment="of the newest bundle that has it"),
    Column("epoch", Integer, nullable=False, comment="grows with each export and each retry"),
    Column("handed_over_at", UtcDateTime, nullable=False),
    Column("taken_back_at", UtcDateTime, comment="none: that site delivers it, and no other does"),
    Column(
        "heard_epoch", Integer, nullable=False, comment="what that site's receipts know; 0: none"
    ),
    Column("heard_sequence", Id, nullable=False, comment="of the newest receipts with it"),
    Column("heard_at", UtcDateTime),
    CheckConstraint("epoch >= 1", name="epoch_counts_from_one"),
)
_HELD = text("taken_back_at IS NULL")
partial_index("ix_hand_overs_held", _HELD, hand_overs_table.c.delivery_id, hand_overs_table.c.site)
Index(None, hand_overs_table.c.bundle_key)

arrivals_table = Table(
    "arrivals",
    metadata,
    Column("site", String(32), primary_key=True, comment="that the delivery came from"),
    Column("delivery_key", String(32), primary_key=True, comment="as that site has it"),
    Column(
        "delivery_id",
        Id,
        ForeignKey("outbox.id", ondelete="CASCADE"),
        nullable=False,
        comment="here; of another key, if the result was owed already",
    ),
    Column("bundle_key", String(32), nullable=False, comment="of the bundle that first had it"),
    Column("epoch", Integer, nullable=False, comment="the newest that came"),
    Column("arrived_at", UtcDateTime, nullable=False),
    CheckConstraint("epoch >= 1", name="epoch_counts_from_one"),
)
Index(None, arrivals_table.c.delivery_id)
