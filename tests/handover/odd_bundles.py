"""Bundles that no version of ours writes, signed as real ones are."""

from __future__ import annotations

from pathlib import Path

from fairmind_sync.handover.bundle_format import header_of
from fairmind_sync.handover.identity import OwnSite
from fairmind_sync.handover.unsigned_bundle import UnsignedBundle
from tests.handover.world import Site


def signed(
    own: OwnSite,
    file: Path,
    recipient: Site,
    *held: object,
    kind: str = "results",
    key: str = "0" * 32,
    **more: object,
) -> Path:
    header = header_of(kind, key, own.public, recipient.own.public, **{"sequence": 1, **more})
    file.unlink(missing_ok=True)
    unsigned = UnsignedBundle(file, header, 10**6)
    for one in held:
        unsigned.add(one)
    unsigned.finish()
    unsigned.sign(own.private)
    return file
