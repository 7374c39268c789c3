"""The digest of a saved result's content, the same wherever and whenever it was saved. Pure."""

from __future__ import annotations

from fairmind_sync.results import plain_json
from fairmind_sync.results.delivery import SavedResult


def content_digest(result: SavedResult) -> str:
    """Returns the SHA-256 of the names and the payload; neither the revision nor the time counts."""
    names = (
        *(result.test_id, result.user_id, result.model_id, result.dataset_id),
        result.test_type,
    )
    return plain_json.digest([*names, result.results, result.metadata])
