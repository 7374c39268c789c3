"""An export that something happens to at its end: the stick takes nothing any more, others take its name."""

from __future__ import annotations

import errno
import signal
from concurrent.futures import ThreadPoolExecutor
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


def test_signals_do_afterwards_what_they_did_before(home: Site, courier: Site) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    home.save()
    home.export(courier)
    after = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    assert after == before


def test_an_export_in_another_thread(home: Site, courier: Site) -> None:
    """Only the main thread may choose what a signal does."""
    home.save()
    with ThreadPoolExecutor(1) as elsewhere:
        file = elsewhere.submit(lambda: home.export(courier).file).result()
    assert courier.refusal(file) is None
