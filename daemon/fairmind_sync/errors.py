"""All errors that are raised on purpose, as one tree of classes; each message tells the user what to do next,
and hides what looks like a secret.

Messages go everywhere: what looks like a secret is hidden as the error is made.
"""

from __future__ import annotations

import inspect
from datetime import timedelta

from fairmind_sync.provider_names import ENABLE_ONE
from fairmind_sync.redaction import hide_by_form


class FairmindSyncError(Exception):
    """fairmind-sync could not do what was asked."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(hide_by_form(message or inspect.cleandoc(type(self).__doc__ or "")))


class SettingsError(FairmindSyncError):
    """A setting is wrong; the message names its variable."""


class PayloadError(FairmindSyncError, ValueError):
    """A result holds something that can't be stored; the message names its path."""


class StorageError(FairmindSyncError):
    """The local database could not store or read; nothing was saved."""


class DiskFullError(StorageError):
    """The database's disk is full; nothing was stored."""


class DamagedError(StorageError):
    """The database file is damaged, or none of SQLite's; it is left as it is."""


class SchemaError(StorageError):
    """The database's schema is not the one that this version of fairmind-sync uses."""


class CopyError(FairmindSyncError):
    """A database can't be copied into another; the message says what to do."""


class BundleError(FairmindSyncError):
    """A bundle is refused, or can't be written; nothing was changed, and the message says what to do."""


class KeyReusedError(FairmindSyncError):
    """The Idempotency-Key was used for another result: send a new key with a new result."""


class BacklogFullError(FairmindSyncError):
    """Too many deliveries are pending; nothing was saved. Try again when the daemon has caught up."""


class NoProviderError(FairmindSyncError):
    __doc__ = f"MLOps integration not available. {ENABLE_ONE}"


class ExtraNotInstalledError(FairmindSyncError, ImportError):
    """What was imported needs an extra that is not installed; the message names the pip command."""


class LeaseLostError(FairmindSyncError):
    """Another worker owns this delivery now; whatever we had to write about it is void."""


class ProviderUnavailableError(FairmindSyncError):
    """The provider takes nothing at present; no delivery is to blame."""


class ProviderOfflineError(ProviderUnavailableError):
    """The provider can't be reached at `address`, or asked to be left alone for `after`."""

    def __init__(
        self, message: str, after: timedelta = timedelta(), *, address: str | None = None
    ) -> None:
        super().__init__(message)
        self.after = after
        self.address = address


class ProviderBlockedError(ProviderUnavailableError):
    """The provider refuses us until somebody fixes what the message names."""


class ProviderNotInstalledError(ProviderBlockedError):
    """An enabled provider's package is not installed; the message names the pip command."""


class ProviderBrokenError(FairmindSyncError):
    """What the provider needs in this process has died; only a fresh worker process helps."""
