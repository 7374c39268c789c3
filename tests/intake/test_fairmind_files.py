"""FairMind's own result files: good ones are saved at their own time, others are named with the reason."""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from fairmind_sync.errors import FairmindSyncError
from fairmind_sync.intake.fairmind_files import ImportReport, import_all, result_files
from fairmind_sync.settings import Settings
from fairmind_sync.storage.tables import outbox_table, results_table
from tests.intake.result_folder import RECORD, imported, put, put_text
from tests.support.databases import rows, store_of

DEEP = "[" * 200_000


def without(*names: str) -> str:
    return json.dumps({name: value for name, value in RECORD.items() if name not in names})


def refused(folder: Path, text: str, to: Settings) -> str:
    """Why a file with this text is refused, which lies between two good ones."""
    put(folder, "alice/a.json", id="a")
    file = put_text(folder, text)
    put(folder, "bob/z.json", id="z")
    report = imported(folder, to)
    (found,) = report.refused
    assert (found.file, report.saved) == (str(file), 2)
    return found.reason


def test_every_users_files_are_imported(folder: Path, configured: Settings, engine: Engine) -> None:
    put(folder)
    put(folder, "bob/t2.json", id="t2", user_id="bob")
    imported(folder, configured)
    assert [(row.user_id, row.test_id) for row in rows(engine, results_table)] == [
        ("alice", "t1"),
        ("bob", "t2"),
    ]


def test_an_import_counts_what_it_did(folder: Path, configured: Settings) -> None:
    put(folder)
    put(folder, "bob/t2.json", id="t2", user_id="bob")
    assert imported(folder, configured) == ImportReport(files=2, saved=2, unchanged=0, refused=[])


def test_one_file_is_imported(folder: Path, configured: Settings) -> None:
    put(folder, "alice/other.json", id="other")
    assert imported(put(folder), configured).saved == 1


def test_other_files_are_left_alone(folder: Path, configured: Settings) -> None:
    put_text(folder, "notes", "alice/notes.txt")
    (folder / "alice" / "directory.json").mkdir()
    assert imported(folder, configured).files == 0


def test_an_empty_folder_is_nothing_to_import(folder: Path, configured: Settings) -> None:
    folder.mkdir()
    assert imported(folder, configured) == ImportReport(0, 0, 0, [])


def test_a_record_is_saved_as_it_was(folder: Path, configured: Settings, engine: Engine) -> None:
    put(folder)
    imported(folder, configured)
    (row,) = rows(engine, results_table)
    assert (row.model_id, row.dataset_id, row.test_type, row.results, row.metadata) == (
        "model-1",
        "dataset-1",
        "ml_bias",
        '{"accuracy":0.85}',
        '{"by":"hand"}',
    )


def test_a_second_import_changes_nothing(folder: Path, configured: Settings) -> None:
    put(folder)
    imported(folder, configured)
    assert imported(folder, configured) == ImportReport(files=1, saved=0, unchanged=1, refused=[])


def test_a_second_import_owes_nothing_more(
    folder: Path, configured: Settings, engine: Engine
) -> None:
    put(folder)
    imported(folder, configured)
    before = rows(engine, outbox_table)
    imported(folder, configured)
    assert rows(engine, outbox_table) == before


@pytest.mark.parametrize(
    ("timestamp", "saved_at"),
    [
        ("2026-01-02T03:04:05+01:00", datetime(2026, 1, 2, 2, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05.678901", datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)),
        ("2026-01-02", datetime(2026, 1, 2, tzinfo=UTC)),
    ],
)
def test_a_record_keeps_its_time(
    folder: Path, configured: Settings, engine: Engine, timestamp: str, saved_at: datetime
) -> None:
    put(folder, timestamp=timestamp)
    imported(folder, configured)
    assert rows(engine, results_table)[0].created_at == saved_at


def test_a_record_without_a_time_is_of_now(
    folder: Path, configured: Settings, engine: Engine
) -> None:
    before = datetime.now(UTC)
    put_text(folder, without("timestamp"))
    imported(folder, configured)
    assert before <= rows(engine, results_table)[0].created_at <= datetime.now(UTC)


def test_what_is_imported_is_due_now(folder: Path, configured: Settings, engine: Engine) -> None:
    before = datetime.now(UTC)
    put(folder)
    imported(folder, configured)
    assert all(before <= row.due_at <= datetime.now(UTC) for row in rows(engine, outbox_table))


def test_a_record_without_a_user_is_its_folders(
    folder: Path, configured: Settings, engine: Engine
) -> None:
    put_text(folder, without("user_id"), "carol/t1.json")
    imported(folder, configured)
    assert rows(engine, results_table)[0].user_id == "carol"


def test_a_record_without_a_user_is_its_folders_from_within(
    folder: Path, configured: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_text(folder, without("user_id"), "carol/t1.json")
    monkeypatch.chdir(folder / "carol")
    imported(Path("t1.json"), configured)
    assert rows(engine, results_table)[0].user_id == "carol"


def test_a_record_without_an_id_is_named_by_its_file(
    folder: Path, configured: Settings, engine: Engine
) -> None:
    put_text(folder, without("id"), "alice/t9.json")
    imported(folder, configured)
    assert rows(engine, results_table)[0].test_id == "t9"


@pytest.mark.parametrize("optional", ["dataset_id", "metadata", "timestamp", "summary"])
def test_what_a_record_may_leave_out_is_not_missed(
    folder: Path, configured: Settings, optional: str
) -> None:
    put_text(folder, without(optional))
    assert imported(folder, configured).saved == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "Expecting property name"),
        ("", "Expecting value"),
        ("[1, 2]", "it is no JSON object"),
        ("7", "it is no JSON object"),
        (without("model_id", "results"), "it has no model_id, results"),
        (json.dumps(RECORD | {"timestamp": "yesterday"}), "its timestamp 'yesterday' is no ISO"),
        (json.dumps(RECORD | {"timestamp": 7}), "its timestamp 7 is no ISO"),
        (json.dumps(RECORD | {"timestamp": "0001-01-01T00:00:00+14:00"}), "timestamp"),
        (json.dumps(RECORD | {"timestamp": "9999-12-31T23:59:59-01:00"}), "timestamp"),
        ('{"id": "\udcff"}', "utf-8"),
        (DEEP, "recursion"),
        (json.dumps(RECORD | {"id": 7}), "test_id must be a text"),
        (json.dumps(RECORD | {"user_id": "a\0b"}), "user_id .* holds a null character"),
        (json.dumps(RECORD | {"results": [1]}), "results must be a dictionary"),
        (json.dumps(RECORD | {"model_id": "m" * 501}), "model_id has 501 characters"),
        (without("results")[:-1] + ', "results": {"n": 1' + "0" * 5000 + "}}", "digits"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_wrong_file_is_refused_with_the_reason_and_the_others_are_saved(
    folder: Path, configured: Settings, text: str, reason: str
) -> None:
    assert re.search(reason, refused(folder, text, configured))


def test_a_file_that_goes_meanwhile_is_refused(folder: Path, configured: Settings) -> None:
    gone = folder / "alice" / "gone.json"
    (found,) = import_all(store_of(configured), [gone], (), ()).refused
    assert (found.file, "No such file" in found.reason) == (str(gone), True)


def test_a_path_that_is_not_there_is_an_error_that_names_it(folder: Path) -> None:
    with pytest.raises(FairmindSyncError, match=f"^{folder} is no file and no folder"):
        result_files(folder)


def test_a_path_that_can_not_be_is_an_error() -> None:
    with pytest.raises(FairmindSyncError):
        result_files(Path("a" * 300))


def test_private_fields_are_left_out(folder: Path, configured: Settings, engine: Engine) -> None:
    put(folder)
    imported(folder, configured.model_copy(update={"redact": ("metadata.by",)}))
    assert rows(engine, results_table)[0].metadata == "{}"


def closed(monkeypatch: pytest.MonkeyPatch, closed_folder: Path) -> None:
    """Nobody may list the folder: root, who runs tests in containers, may list every real one."""
    scandir = os.scandir

    def scanned(path: str | Path) -> object:
        if Path(path) == closed_folder:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", scanned)


def test_a_folder_that_can_not_be_read_is_refused_and_the_others_are_imported(
    folder: Path, configured: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder)
    put(folder, "bob/t2.json", id="t2")
    closed(monkeypatch, folder / "bob")
    report = imported(folder, configured)
    assert (report.saved, [one.file for one in report.refused]) == (1, [str(folder / "bob")])


def test_a_folder_of_results_that_can_not_be_read_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder)
    closed(monkeypatch, folder)
    with pytest.raises(FairmindSyncError, match="can't be read: Permission denied"):
        result_files(folder)


def test_files_of_a_folder_that_may_only_be_listed_are_refused(
    folder: Path, configured: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = put(folder)

    def denied(path: Path, *_given: object, **_named: object) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", lambda path: denied(path) if path == file else False)
    monkeypatch.setattr(Path, "read_text", denied)
    assert [one.file for one in imported(folder, configured).refused] == [str(file)]
