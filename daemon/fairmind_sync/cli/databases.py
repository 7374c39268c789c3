"""Verbs for the database file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from fairmind_sync.cli.app import AsJson, current_settings
from fairmind_sync.cli.output import fail, print_json, say

db = typer.Typer(help="The local database.", no_args_is_help=True)


@db.command()
def upgrade(*, as_json: AsJson = False) -> None:
    """Bring the database's schema up to date, after a backup copy."""
    from fairmind_sync import database, schema  # noqa: PLC0415 verbs import when they run

    engine = database.shared_engine(current_settings().database_url)
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
    """Copy the database while everybody goes on using it."""
    from sqlalchemy import URL  # noqa: PLC0415 as above

    from fairmind_sync import database, maintenance  # noqa: PLC0415 as above

    engine = database.shared_engine(current_settings().database_url)
    maintenance.copy_to(engine, file)
    wrong = maintenance.damage(database.open_engine(URL.create("sqlite", database=str(file))))
    _report_damage(str(file), wrong, f"{file} is complete and sound", as_json=as_json)


@db.command()
def check(*, as_json: AsJson = False) -> None:
    """Read the whole database; exit 1 if it is damaged."""
    from fairmind_sync import database, maintenance  # noqa: PLC0415 as above

    engine = database.shared_engine(current_settings().database_url)
    file = maintenance.file_of(engine)
    _report_damage(str(file), maintenance.damage(engine), f"{file} is sound", as_json=as_json)


@db.command()
def compact(*, as_json: AsJson = False) -> None:
    """Give the file's unused space back to the disk; everybody else waits meanwhile."""
    from fairmind_sync import database, maintenance  # noqa: PLC0415 as above

    engine = database.shared_engine(current_settings().database_url)
    before, after = maintenance.compact(engine)
    if as_json:
        print_json({"file": maintenance.file_of(engine), "bytes_before": before, "bytes": after})
    else:
        say(f"{maintenance.file_of(engine)}: {after / 1e6:.1f} MB, {before / 1e6:.1f} MB before")


def _report_damage(file: str, wrong: list[str], if_sound: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"file": file, "damage": wrong})
        raise typer.Exit(1 if wrong else 0)
    if wrong:
        fail("the file is damaged:\n  " + "\n  ".join(wrong))
    say(if_sound)
