"""How a bundle's file looks, line by line, for writer and reader alike: header, entries, signature.

    {"format": "fairmind-sync bundle", "version": 1, "kind": "results", "from": ..., "to": ..., ...}
    one entry a line: JSON, or its encryption in base64
    {"signature": ...}

Nothing is compressed, so nothing unpacks to more than it is.
"""

from __future__ import annotations

import base64
import json

from fairmind_sync.handover.public_site import PublicSite, encoded_keys
from fairmind_sync.handover.sealing import SIGNATURE_BYTES

FORMAT, VERSION = "fairmind-sync bundle", 1
MOST_HEADER = 64 * 1024
MOST_LINE = 64 * 1024 * 1024
"""Bytes of one entry: a result that takes more can't be handed over."""
UNSIGNED = bytes(SIGNATURE_BYTES)


def line_of(value: object) -> bytes:
    """Returns the JSON of the value, always the same for the same value."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("ascii") + b"\n"


def trailer(signature: bytes) -> bytes:
    """Returns the last line, always equally long."""
    return line_of({"signature": base64.b64encode(signature).decode()})


def header_of(
    kind: str, key: str, sender: PublicSite, recipient: PublicSite, **more: object
) -> dict[str, object]:
    return {
        "kind": kind,
        "key": key,
        "from": {"name": sender.name, "keys": encoded_keys(sender)},
        "to": {"name": recipient.name, "fingerprint": recipient.fingerprint},
        **more,
    }
