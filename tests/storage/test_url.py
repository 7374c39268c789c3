"""URLs of databases: each means one thing, or is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import make_url

from fairmind_sync.storage.url import BY_SOCKET, checked_database_url


@pytest.mark.parametrize(
    ("value", "file"),
    [
        ("sqlite:////a/b.db", "/a/b.db"),
        ("sqlite+pysqlite:////a/b.db", "/a/b.db"),
        ("  sqlite:////a/b.db\n", "/a/b.db"),
        ("sqlite:////a/b c%.db", "/a/b c%.db"),
        ("sqlite:///~/b.db", "{home}/b.db"),
        ("sqlite:///b.db", "{here}/b.db"),
        ("sqlite:///./b.db", "{here}/b.db"),
    ],
)
def test_a_files_url_names_one_file(value: str, file: str) -> None:
    expected = file.format(home=Path.home(), here=Path.cwd())
    url = make_url(checked_database_url(value))
    assert (url.drivername, url.database) == ("sqlite", expected)


def test_a_url_that_was_checked_is_the_same_when_it_is_checked_again() -> None:
    once = checked_database_url("sqlite:///a b%.db")
    assert checked_database_url(once) == once


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_a_servers_url_gets_our_driver_and_stays_as_it_is(scheme: str) -> None:
    rest = "//u:p%40%3A@h1,h2:5432/d?host=%2Fsocket&sslmode=require"
    assert checked_database_url(f" {scheme}:{rest}") == f"postgresql+psycopg:{rest}"


def test_a_url_of_a_socket_is_said_and_taken() -> None:
    with pytest.raises(ValueError, match=re.escape(BY_SOCKET)):
        checked_database_url("postgresql:/var/run/postgresql")
    assert checked_database_url(BY_SOCKET) == BY_SOCKET


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("sqlite+aiosqlite:////a.db", "names the driver aiosqlite, which isn't used here"),
        ("postgresql+asyncpg://h/d", "names the driver asyncpg, which isn't used here"),
        ("postgresql+psycopg2://h/d", "names the driver psycopg2, which isn't used here"),
        ("sqlite:////a.db?mode=ro&uri=true", "has a '[?]'"),
        ("sqlite:////a?b.db", "has a '[?]'"),
        ("sqlite:///file::memory:", "must name a SQLite file by its path"),
        ("sqlite:///file:a.db", "must name a SQLite file by its path"),
        ("sqlite:///:memory:", "must name a SQLite file by its path"),
        ("sqlite://", "must name a SQLite file by its path"),
        ("sqlite:///", "must name a SQLite file by its path"),
        ("sqlite://a.db", "must name a SQLite file by its path"),
        ("sqlite:////a\0b.db", "must name a SQLite file by its path"),
        ("sqlite:///~nobody-of-that-name/a.db", "the home of a user who isn't known here"),
        ("mysql://h/d", "must name a SQLite file or a PostgreSQL database"),
        ("/a/b.db", "is not a database URL"),
        ("", "is not a database URL"),
    ],
)
def test_what_is_refused_says_what_to_write(value: str, told: str) -> None:
    with pytest.raises(
        ValueError, match=f"{told}.*; write sqlite:////absolute/path.db, postgresql"
    ):
        checked_database_url(value)
