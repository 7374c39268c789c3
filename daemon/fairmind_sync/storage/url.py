"""Decides which URLs name a database of ours, and which one is the default."""

from __future__ import annotations

from pathlib import Path

from platformdirs import user_data_path
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

_DATABASES = "write sqlite:////absolute/path.db or postgresql+psycopg://user@host/database"


def checked_database_url(value: str) -> str:
    """Returns the URL, with the driver that we use; a file's path is absolute then.

    Raises:
        ValueError: the URL names neither a SQLite file nor a PostgreSQL database. The message does not
            repeat the URL, which may hold a password.
    """
    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        raise ValueError(f"is not a database URL; {_DATABASES}") from None
    if url.drivername in {"postgresql", "postgresql+psycopg"}:
        return value.replace("postgresql:", "postgresql+psycopg:", 1)
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        raise ValueError(f"must name a SQLite file or a PostgreSQL database; {_DATABASES}")
    if url.database.startswith("file:"):
        return value
    return url.set(database=str(Path(url.database).absolute())).render_as_string()


def default_database_url() -> str:
    return f"sqlite:///{user_data_path('fairmind-sync', appauthor=False) / 'fairmind-sync.db'}"


def password_in(value: str) -> str:
    """Returns the URL's password; an empty text where there is none."""
    return str(make_url(value).password or "")
