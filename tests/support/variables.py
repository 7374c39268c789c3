"""The environment variables that the settings read."""

from __future__ import annotations

from fairmind_sync.settings import Settings


def variables() -> tuple[str, ...]:
    """The name of each."""
    return tuple(str(field.validation_alias) for field in Settings.model_fields.values())
