"""Collects the secrets in our settings and in the providers' own variables, for redaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import SecretStr

from fairmind_sync import providers
from fairmind_sync.provider_names import PROVIDERS
from fairmind_sync.redaction import forms_to_hide
from fairmind_sync.storage.url import password_in

if TYPE_CHECKING:
    from fairmind_sync.settings import Settings


def secrets_of(settings: Settings) -> tuple[str, ...]:
    """Returns every secret in two forms: as given, and as JSON writes the secret."""
    ours = [value.get_secret_value() for _, value in settings if isinstance(value, SecretStr)]
    theirs = [one for name in PROVIDERS for one in providers.folder(name).secrets(settings)]
    theirs.append(password_in(settings.database_url))
    return forms_to_hide(ours, theirs)
