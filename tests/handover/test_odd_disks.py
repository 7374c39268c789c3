"""Disks and sticks that refuse something: what is told, and what is left behind."""

from __future__ import annotations

import errno
import io
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from fairmind_sync.errors import BundleError
from fairmind_sync.handover import unsigned_bundle, writing_bundles
from fairmind_sync.handover.unsigned_bundle import UnsignedBundle
from tests.handover.world import Site, at_the_couriers


def full(*_given: object) -> Any:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_bundle_is_its_owners_alone(home: Site, courier: Site) -> None:
    home.save()
    assert home.export(courier).file.stat().st_mode & 0o777 == 0o600


def test_a_stick_that_syncs_no_folder_takes_bundles(
    home: Site, courier: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.save()
    monkeypatch.setattr(unsigned_bundle, "sync_directory", full)
    assert courier.refusal(home.export(courier).file) is None


def test_receipts_for_a_folder_that_is_not_there(home: Site, courier: Site, tmp_path: Path) -> None:
    file = tmp_path / "absent" / "receipts"
    with pytest.raises(BundleError) as failed:
        writing_bundles.write_receipts(courier.sender(home), file)
    said = f"{file} can't be written: No such file or directory. Nothing was handed over."
    assert str(failed.value) == said


def test_receipts_for_a_full_disk(
    home: Site, courier: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_the_couriers(home, courier)
    monkeypatch.setattr(UnsignedBundle, "finish", full)
    file = tmp_path / "receipts"
    with pytest.raises(BundleError) as failed:
        writing_bundles.write_receipts(courier.sender(home), file)
    said = f"{file} can't be written: No space left on device. Nothing was handed over."
    assert (str(failed.value), [*tmp_path.glob("receipts*")]) == (said, [])


class FullCopy(io.BytesIO):
    def write(self, _piece: Any) -> int:
        return int(full())


@pytest.mark.parametrize("made", [full, FullCopy], ids=["no file", "no room"])
def test_a_full_directory_of_temporary_files_is_told_as_what_it_is(
    home: Site, courier: Site, monkeypatch: pytest.MonkeyPatch, made: Any
) -> None:
    home.save()
    file = home.export(courier).file
    monkeypatch.setattr(tempfile, "TemporaryFile", made)
    assert courier.refusal(file) == (
        f"the temporary copy of {file} can't be written: No space left on device. Name a directory with "
        "room for it in TMPDIR."
    )


def test_what_a_full_disk_does_not_take_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python writes what it still holds when a file is closed."""

    class FullFile(io.BytesIO):
        def close(self) -> None:
            full()

    with monkeypatch.context() as broken:
        broken.setattr(os, "fdopen", lambda descriptor, _mode: os.close(descriptor) or FullFile())  # type: ignore[func-returns-value]
        unsigned = UnsignedBundle(tmp_path / "a", {}, 10**6)
    unsigned.close()
    assert [*tmp_path.glob("a*")] == []
