"""Verbs on the database: db upgrade, backup, check, compact, copy."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from fairmind_sync.cli.command import AsJson, current_settings
from fairmind_sync.cli.output import fail, print_json, say

db = typer.Typer(help="The database.", no_args_is_help=True)


@db.command()
def upgrade(*, as_json: AsJson = False) -> None:
    """Bring the database's schema up to date, after a backup copy if it is a file.

    Example: fairmind-sync db upgrade
    """
    from fairmind_sync.storage import schema
    from fairmind_sync.storage.engine import shared_engine

    engine = shared_engine(current_settings().database_url)
    copy = schema.upgrade(engine, datetime.now(UTC))
    if as_json:
        print_json({"schema": schema.HEAD, "backup": copy})
    else:
        say(f"schema {schema.HEAD}" + (f"; the copy before it is {copy}" if copy else ""))


@db.command()
def backup(
    file: Annotated[Path, typer.Argument(help="A file that isn't there yet.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Copy the file while everybody goes on using it.

    Example: fairmind-sync db backup /backups/fairmind-sync.db
    """
    from fairmind_sync.storage import sqlite_file
    from fairmind_sync.storage.engine import shared_engine

    engine = shared_engine(current_settings().database_url)
    sqlite_file.copy_to(engine, file)
    wrong = sqlite_file.damage_in(file)
    _report_damage(str(file), wrong, f"{file} is complete and sound", as_json=as_json)


@db.command()
def check(*, as_json: AsJson = False) -> None:
    """Read the whole file; exit 1 if it is damaged.

    Example: fairmind-sync db check
    """
    from fairmind_sync.storage import sqlite_file
    from fairmind_sync.storage.engine import shared_engine

    engine = shared_engine(current_settings().database_url)
    file = sqlite_file.file_of(engine)
    _report_damage(str(file), sqlite_file.damage(engine), f"{file} is sound", as_json=as_json)


@db.command()
def compact(*, as_json: AsJson = False) -> None:
    """Give the file's unused space back to the disk; everybody else waits meanwhile.

    Example: fairmind-sync db compact
    """
    from fairmind_sync.storage import sqlite_file
    from fairmind_sync.storage.engine import shared_engine

    engine = shared_engine(current_settings().database_url)
    before, after = sqlite_file.compact(engine)
    if as_json:
        print_json({"file": sqlite_file.file_of(engine), "bytes_before": before, "bytes": after})
    else:
        say(f"{sqlite_file.file_of(engine)}: {after / 1e6:.1f} MB, {before / 1e6:.1f} MB before")


@db.command()
def copy(
    source: Annotated[str, typer.Argument(help="The URL of the database to copy.")],
    target: Annotated[str, typer.Argument(help="The URL of an empty one, or of an earlier copy.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Copy all results, deliveries, run ids and attempts, from SQLite to PostgreSQL or back.

    Example: fairmind-sync db copy sqlite:////data/fairmind-sync.db postgresql://fairmind@db.example/fairmind
    """
    from fairmind_sync.outbox import copying

    current_settings()  # for the log
    report = copying.copy(_database_url(source, "SOURCE"), _database_url(target, "TARGET"))
    if as_json:
        print_json(asdict(report))
        return
    say(f"read {report.read} rows: {report.added} added, {report.updated} brought up to date")
    if report.ahead:
        say(f"{report.ahead} that differ were left as they are: the target was used meanwhile")
    say(
        "Set FAIRMIND_SYNC_DATABASE_URL to the copy everywhere; start no daemon on the source again."
    )


def _database_url(value: str, name: str) -> str:
    from fairmind_sync.storage.url import checked_database_url

    try:
        return checked_database_url(value)
    except ValueError as error:
        raise typer.BadParameter(f"{name} {error}") from None


def _report_damage(file: str, wrong: list[str], if_sound: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"file": file, "damage": wrong})
        raise typer.Exit(1 if wrong else 0)
    if wrong:
        fail("the file is damaged:\n  " + "\n  ".join(wrong))
    say(if_sound)
