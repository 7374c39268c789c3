"""Collects the secrets to hide: of our settings, of variables, and of the providers' own files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from dotenv import dotenv_values
from pydantic import SecretStr

from fairmind_sync import providers
from fairmind_sync.provider_names import PROVIDERS
from fairmind_sync.redaction import is_secret_name, passwords_in, to_hide
from fairmind_sync.storage.url import passwords_of

if TYPE_CHECKING:
    from fairmind_sync.settings import Settings


def secrets_of(
    settings: Settings, variables: Mapping[str, str | None] | None = None
) -> tuple[str, ...]:
    """Returns every secret that this process could know, the longest first.

    `variables` are the environment's, and those of the settings' file, unless they are given.
    """
    in_file = {} if settings.env_file is None else dotenv_values(settings.env_file)
    named = {**in_file, **os.environ} if variables is None else variables
    ours = [value.get_secret_value() for _, value in settings if isinstance(value, SecretStr)]
    theirs = [one for name in PROVIDERS for one in providers.folder(name).secrets(settings)]
    of_database = passwords_of(settings.database_url)
    return to_hide(ours, [*theirs, *of_database, *_in_variables(named)])


def _in_variables(variables: Mapping[str, str | None]) -> Iterator[str]:
    """Yields what variables hold that are secret by name, and passwords in the addresses of others."""
    for name, value in variables.items():
        if value and is_secret_name(name):
            yield value
        elif value and "://" in value:
            yield from passwords_in(value)
