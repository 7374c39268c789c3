"""An export that something happens to at its end: the stick takes nothing any more, others take its name."""

from __future__ import annotations

import errno
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from fairmind_sync.errors import BundleError
from fairmind_sync.handover import writing_bundles
from fairmind_sync.handover.sealing import PrivateKeys
from fairmind_sync.handover.unsigned_bundle import UnsignedBundle
from fairmind_sync.outbox.delivery_lookup import RunFilter
from tests.handover.world import MOST, Site, at_the_couriers

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


def test_receipts_that_can_not_be_finished_are_written_again(
    home: Site, courier: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_the_couriers(home, courier)
    monkeypatch.setattr(UnsignedBundle, "sign", read_only)
    with pytest.raises(BundleError) as failed:
        courier.receipts(home)
    assert str(failed.value).partition(".bundle ")[2] == (
        "could not be finished: Read-only file system. Write the receipts again: "
        "fairmind-sync bundle receipts"
    )


def test_a_name_that_another_export_takes_meanwhile(
    home: Site, courier: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second is refused before it hands anything over; the first one's bundle stays."""
    for name in "ab":
        home.save(test_id=name, model_id=name)
    finish, file = UnsignedBundle.finish, tmp_path / "out.bundle"

    def export(model_id: str) -> None:
        wanted = RunFilter(model_id=model_id)
        writing_bundles.export(home.sender(courier), file, wanted, most_bytes=MOST)

    def finish_second(unsigned: UnsignedBundle) -> None:
        monkeypatch.setattr(UnsignedBundle, "finish", finish)
        monkeypatch.setattr(os, "getpid", lambda: 0)
        export("b")
        finish(unsigned)

    monkeypatch.setattr(UnsignedBundle, "finish", finish_second)
    with pytest.raises(BundleError, match="nothing is written over"):
        export("a")
    assert {one.test_id: one.status for one in home.records()} == {
        "a": "pending",
        "b": "handed_over",
    }
    assert [one.name for one in tmp_path.glob("out*")] == ["out.bundle"]
    assert courier.refusal(file) is None


def test_a_name_that_is_taken_between_hand_over_and_signature(
    home: Site, courier: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.save()
    file = tmp_path / "out.bundle"
    sign = UnsignedBundle.sign

    def sign_late(*given: Any) -> int:
        file.write_text("another's")
        return sign(*given)

    monkeypatch.setattr(UnsignedBundle, "sign", sign_late)
    with pytest.raises(BundleError, match=f"could not be finished: File exists. {AGAIN}"):
        writing_bundles.export(home.sender(courier), file, RunFilter(), most_bytes=MOST)
    assert file.read_text() == "another's"


def test_a_name_that_can_not_be_given_after_all_is_left_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unsigned = UnsignedBundle(tmp_path / "a", {}, MOST)
    unsigned.finish()
    monkeypatch.setattr(Path, "rename", read_only)
    with pytest.raises(OSError, match="Read-only"):
        unsigned.sign(PrivateKeys.new())
    assert not (tmp_path / "a").exists()


def test_a_link_that_leads_nowhere_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    with pytest.raises(BundleError, match="nothing is written over"):
        writing_bundles.require_new(tmp_path / "a")


def test_receipts_are_not_written_over_what_came_meanwhile(
    home: Site, courier: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_the_couriers(home, courier)
    file, finish = tmp_path / "back.bundle", UnsignedBundle.finish
    monkeypatch.setattr(
        UnsignedBundle, "finish", lambda one: finish(one) or file.write_text("another's")
    )
    with pytest.raises(BundleError, match="nothing is written over"):
        writing_bundles.write_receipts(courier.sender(home), file)
    assert file.read_text() == "another's"


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
