"""Which database the settings name, read without reading the other settings, for look-ups."""

from __future__ import annotations

from fairmind_sync.env_file import env_file, variables
from fairmind_sync.storage.url import checked_database_url, default_database_url

_VARIABLE = "FAIRMIND_SYNC_DATABASE_URL"


def database_url() -> str:
    """Returns the database's URL, as `settings.Settings.database_url` has it.

    Raises:
        SettingsError: the settings' file can't be read, or the variable is wrong; in the settings' words.
    """
    try:
        given = variables(env_file(), (_VARIABLE,)).get(_VARIABLE)
        return checked_database_url(given) if given else default_database_url()
    except (OSError, ValueError):  # of which the settings tell, once all of them are read
        from fairmind_sync.settings import load_settings

        return load_settings().database_url
