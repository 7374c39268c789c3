"""What FairMind's own result files are owed to, and an import that is interrupted."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from fairmind_sync.intake import fairmind_files
from fairmind_sync.intake.fairmind_files import ImportReport, import_all, result_files
from fairmind_sync.operating import progress
from fairmind_sync.settings import Settings
from fairmind_sync.storage.tables import outbox_table
from tests.intake.result_folder import imported, put
from tests.support.databases import rows, store_of


def test_what_is_imported_is_owed_to_each_enabled_provider(
    folder: Path, configured: Settings, engine: Engine
) -> None:
    put(folder)
    progress.import_with_progress(
        store_of(configured), result_files(folder), configured, deliver=True
    )
    assert [row.provider for row in rows(engine, outbox_table)] == ["wandb", "mlflow"]


def test_what_is_imported_without_deliveries_is_owed_to_nobody(
    folder: Path, configured: Settings, engine: Engine
) -> None:
    put(folder)
    report = progress.import_with_progress(
        store_of(configured), result_files(folder), configured, deliver=False
    )
    assert (report.saved, rows(engine, outbox_table)) == (1, [])


def test_an_import_that_is_to_deliver_after_all_owes_what_is_there(
    folder: Path, configured: Settings, engine: Engine
) -> None:
    put(folder)
    progress.import_with_progress(
        store_of(configured), result_files(folder), configured, deliver=False
    )
    progress.import_with_progress(
        store_of(configured), result_files(folder), configured, deliver=True
    )
    assert len(rows(engine, outbox_table)) == 2


def test_a_thousand_files_are_imported_a_hundred_at_a_time(
    folder: Path, configured: Settings
) -> None:
    for number in range(1000):
        put(folder, f"u{number % 7}/{number}.json", id=f"t{number}", user_id=f"u{number % 7}")
    told: list[int] = []
    report = import_all(
        store_of(configured), result_files(folder), configured.owed, (), told.append
    )
    assert (report.saved, told) == (1000, list(range(100, 1001, 100)))


def test_an_import_that_was_interrupted_keeps_what_it_had(
    folder: Path, configured: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fairmind_files, "_CHUNK", 2)
    for number in range(5):
        put(folder, f"alice/{number}.json", id=f"t{number}")
    with pytest.raises(KeyboardInterrupt):
        import_all(store_of(configured), result_files(folder), configured.owed, (), _interrupt)
    assert imported(folder, configured) == ImportReport(files=5, saved=3, unchanged=2, refused=[])


def _interrupt(_count: int) -> None:
    raise KeyboardInterrupt
