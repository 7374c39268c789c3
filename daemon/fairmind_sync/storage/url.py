"""Checks a database's URL and gives the default one; shows a URL without its password."""

from __future__ import annotations

from pathlib import Path

from platformdirs import user_data_path
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from fairmind_sync.redaction import hide_by_form, passwords_in

BY_SOCKET = "postgresql+psycopg:///database?host=/directory-of-the-socket"
_DATABASES = (
    "write sqlite:////absolute/path.db, postgresql+psycopg://user@host/database or, where a server has a "
    f"socket, {BY_SOCKET}"
)
_POSTGRESQL = {"postgresql", "postgres", "postgresql+psycopg"}
_SQLITE = {"sqlite", "sqlite+pysqlite"}
_DRIVER = "postgresql+psycopg"


def checked_database_url(value: str) -> str:
    """Returns the URL, with the driver that we use; a file's path is absolute then, and `~` is resolved.

    Raises:
        ValueError: the URL names neither a SQLite file nor a PostgreSQL database. The message does not
            repeat the URL, which may hold a password.
    """
    try:
        url = make_url(value.strip())
    except (ArgumentError, ValueError):
        raise ValueError(f"is not a database URL; {_DATABASES}") from None
    if "@" in (url.host or ""):
        raise ValueError("has an '@' within its password: write %40 instead")
    if url.drivername in _POSTGRESQL:
        return f"{_DRIVER}:{value.strip().partition(':')[2]}"
    if url.drivername in _SQLITE:
        if "?" in value:
            raise ValueError(f"has a '?', and a SQLite file takes no parameters; {_DATABASES}")
        return url.set(drivername="sqlite", database=_file(url)).render_as_string()
    backend, _, driver = url.drivername.partition("+")
    if driver and backend in {"sqlite", "postgresql"}:
        raise ValueError(f"names the driver {driver}, which isn't used here; {_DATABASES}")
    raise ValueError(f"must name a SQLite file or a PostgreSQL database; {_DATABASES}")


def _file(url: URL) -> str:
    named = url.database or ""
    if not named or named.startswith(("file:", ":memory:")) or "\0" in named or url.host:
        raise ValueError(f"must name a SQLite file by its path; {_DATABASES}")
    try:
        return str(Path(named).expanduser().absolute())
    except RuntimeError:
        raise ValueError(f"names the home of a user who isn't known here; {_DATABASES}") from None


def default_database_url() -> str:
    return f"sqlite:///{user_data_path('fairmind-sync', appauthor=False) / 'fairmind-sync.db'}"


def shown(url: str | URL) -> str:
    """Returns the URL as people may see it: its password, and whatever parameter is secret, are hidden."""
    return hide_by_form(make_url(url).render_as_string())


def passwords_of(value: str | URL) -> list[str]:
    """Returns the secrets in a database's URL: the user's password, and those of parameters."""
    url = make_url(value)
    return [str(url.password or ""), *passwords_in(url.render_as_string(hide_password=False))]
