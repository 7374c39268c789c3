"""Imports a folder of FairMind's own result files,
`<dir>/<user_id>/<test_id>.json`, a hundred in a transaction.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fairmind_sync.errors import FairmindSyncError, PayloadError
from fairmind_sync.intake.prepare import prepare
from fairmind_sync.intake.save import save_all
from fairmind_sync.intake.timestamps import when_tested

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from fairmind_sync.provider_names import ProviderName
    from fairmind_sync.results.delivery import NewResult
    from fairmind_sync.results.privacy import Pattern

_CHUNK = 100
_REQUIRED = ("model_id", "test_type", "results")


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that was not imported, and why."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """How many files were read, and how many of their results were saved or had been saved before."""

    files: int
    saved: int
    unchanged: int
    refused: list[Refused]


def result_files(path: Path) -> list[Path]:
    """Returns the file itself, or every JSON file below the folder.

    Among them is whatever can't be looked at, a folder too: to read it fails, and so it is refused by name.

    Raises:
        FairmindSyncError: the path names nothing, or can't be read.
    """
    try:
        if path.is_file():
            return [path]
        if path.is_dir():
            return sorted(_below(path))
    except OSError as error:
        raise FairmindSyncError(f"{path} can't be read: {error.strerror}.") from error
    raise FairmindSyncError(f"{path} is no file and no folder. Name FairMind's results folder.")


def _below(path: Path) -> Iterator[Path]:
    unreadable: list[OSError] = []
    for folder, _, names in os.walk(path, onerror=unreadable.append):
        files = (Path(folder, name) for name in names if name.endswith(".json"))
        yield from filter(_may_be_file, files)
    for error in unreadable:
        if Path(error.filename) == path:
            raise error
        yield Path(error.filename)


def _may_be_file(path: Path) -> bool:
    """Returns whether it is a file: pipes are none. Nobody knows in a folder that may only be listed."""
    try:
        return path.is_file()
    except PermissionError:
        return True


def import_all(
    engine: Engine,
    files: Sequence[Path],
    providers: Sequence[ProviderName],
    private_fields: Sequence[Pattern],
    on_progress: Callable[[int], None] = lambda _count: None,
) -> ImportReport:
    """Saves each file's result, dated as the file says, with a delivery to each of the providers.

    Each hundred files are one transaction. An import that was interrupted can be run again: results that were
    saved before stay as they are.

    Raises:
        StorageError: the database can't be written; what was imported before stays.
    """
    saved = unchanged = 0
    refused: list[Refused] = []
    for first in range(0, len(files), _CHUNK):
        chunk = files[first : first + _CHUNK]
        results = _read_all(chunk, private_fields, refused)
        done = save_all(engine, results, providers)
        saved += sum(one.is_new for one in done)
        unchanged += sum(not one.is_new for one in done)
        on_progress(first + len(chunk))
    return ImportReport(len(files), saved, unchanged, refused)


def _read_all(
    files: Sequence[Path], private_fields: Sequence[Pattern], refused: list[Refused]
) -> list[NewResult]:
    results = []
    for file in files:
        try:
            results.append(_read(file, private_fields))
        except (PayloadError, OSError, ValueError, RecursionError) as error:
            refused.append(Refused(str(file), str(error) or type(error).__name__))
    return results


def _read(file: Path, private_fields: Sequence[Pattern]) -> NewResult:
    record = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(record, dict):
        raise PayloadError("it is no JSON object.")
    if missing := [name for name in _REQUIRED if name not in record]:
        raise PayloadError(f"it has no {', '.join(missing)}.")
    return prepare(
        record.get("id", file.stem),
        record.get("user_id", file.absolute().parent.name),
        record["model_id"],
        record.get("dataset_id"),
        record["test_type"],
        record["results"],
        record.get("metadata"),
        created_at=when_tested(record.get("timestamp")),
        private_fields=private_fields,
    )
