"""An export that something happens to at its end: the stick takes nothing any more, others take its name."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from fairmind_sync.errors import BundleError
from fairmind_sync.handover.unsigned_bundle import UnsignedBundle
from tests.handover.world import Site

AGAIN = "What it held counts as handed over: run fairmind-sync bundle export --again"


def read_only(*_given: object, **_more: object) -> Any:
    raise OSError(errno.EROFS, "Read-only file system")


@pytest.mark.parametrize(
    ("at", "said", "status"),
    [
        ("finish", "can't be written: Read-only file system. Nothing was handed over.", "pending"),
        ("sign", f"could not be finished: Read-only file system. {AGAIN}", "handed_over"),
    ],
)
def test_a_stick_that_turns_read_only(
    home: Site, courier: Site, monkeypatch: pytest.MonkeyPatch, at: str, said: str, status: str
) -> None:
    """What was written can't be removed either."""
    home.save()
    monkeypatch.setattr(UnsignedBundle, at, read_only)
    monkeypatch.setattr(Path, "unlink", read_only)
    with pytest.raises(BundleError) as failed:
        home.export(courier)
    assert (str(failed.value).partition(".bundle ")[2], home.statuses()) == (said, [status])
