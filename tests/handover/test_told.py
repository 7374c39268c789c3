"""What a trip tells: to the caller, to the log, to the operator's log, and in errors."""

from __future__ import annotations

import errno
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from fairmind_sync.errors import BundleError
from fairmind_sync.handover import partners, reading_bundles, unsigned_bundle, writing_bundles
from fairmind_sync.handover import taking_back as back
from fairmind_sync.handover.public_site import PublicSite
from fairmind_sync.handover.sealing import PrivateKeys
from fairmind_sync.handover.writing_bundles import Sender
from fairmind_sync.outbox import arrivals, bundle_log, homecoming, operator_log
from fairmind_sync.outbox.bundle_log import BundleRecord
from fairmind_sync.outbox.delivery_lookup import RunFilter
from fairmind_sync.outbox.operator_log import Actor
from fairmind_sync.storage.engine import reading
from tests.handover.world import MOST, ModelProvider, Site, at_the_couriers
from tests.support.log_events import captured_logs

ANN = Actor("ann", "a test")


def sender(home: Site, courier: Site) -> Sender:
    return Sender(home.engine, home.own, courier.own.public, ANN)


def noted(site: Site) -> list[tuple[str, str, str, int]]:
    """The newest action first: who, what, of what, how many."""
    with reading(site.engine) as connection:
        every = operator_log.newest(connection, 9)
    return [(one.who, one.action, one.subject, one.count) for one in every]


def bundles(site: Site) -> list[BundleRecord]:
    """The newest first."""
    with reading(site.engine) as connection:
        return bundle_log.newest(connection, 9)


def test_an_export_is_told_with_all_its_numbers(home: Site, courier: Site, tmp_path: Path) -> None:
    for number in range(3):
        home.save(test_id=f"t{number}")
    file = tmp_path / "a.bundle"
    with captured_logs() as events:
        written = writing_bundles.export(sender(home, courier), file, RunFilter(), most_bytes=MOST)
    size = file.stat().st_size
    assert b'"test_id":"t0"' in file.read_bytes()  # nobody has asked for encryption
    assert (written.file, written.deliveries, written.results) == (file, 3, 3)
    assert (written.bytes, written.remaining, len(written.bundle_key)) == (size, 0, 32)
    told = {"event": "bundle.exported", "log_level": "info", "site": "courier"}
    assert events == [told | {"deliveries": 3, "again": False}]
    subject = f"bundle {written.bundle_key} for site courier"
    assert noted(home)[0] == ("ann", "export", subject, 3)


def test_an_export_of_nothing_is_all_zeros(home: Site, courier: Site) -> None:
    written = home.export(courier)
    assert (written.deliveries, written.results, written.bytes, written.remaining) == (0, 0, 0, 0)
    assert (written.file.exists(), len(written.bundle_key)) == (False, 32)


def test_an_import_is_told_with_what_became_of_each(home: Site, courier: Site) -> None:
    home.save(test_id="t")
    written = home.export(courier)
    with captured_logs() as events:
        report = reading_bundles.read(
            courier.engine, courier.own, written.file, (), most_bytes=MOST, by=ANN
        )
    counts = {"new": 1, "known": 0, "retried": 0, "owed": 0}
    assert (report.file, report.kind, report.site) == (written.file, "results", "home")
    assert (report.bundle_key, report.is_new, report.counts) == (written.bundle_key, True, counts)
    told = {"event": "bundle.read", "log_level": "info", "site": "home", "kind": "results"}
    assert events == [told | counts]
    subject = f"bundle {written.bundle_key} of site home"
    assert noted(courier)[0] == ("ann", "import", subject, 1)
    assert courier.read(written.file).is_new is False


def test_receipts_are_told_at_both_ends(
    home: Site, courier: Site, provider: ModelProvider, tmp_path: Path
) -> None:
    for number in range(2):
        home.save(test_id=f"t{number}")
    courier.read(home.export(courier).file)
    courier.deliver(provider)
    file = tmp_path / "receipts"
    with captured_logs() as events:
        written = writing_bundles.write_receipts(sender(courier, home), file)
    assert b"https://provider.example/run-1" in file.read_bytes()
    assert noted(courier)[0] == ("ann", "receipts", f"bundle {written.bundle_key} for site home", 2)
    assert (written.file, written.deliveries, written.results) == (file, 2, 0)
    assert (written.bytes, written.remaining) == (file.stat().st_size, 0)
    told = {"event": "bundle.receipts_written", "log_level": "info", "site": "home"}
    assert events == [told | {"deliveries": 2}]
    with captured_logs() as events:
        report = reading_bundles.read(home.engine, home.own, file, (), most_bytes=MOST, by=ANN)
    assert (report.kind, report.bundle_key, report.site) == (
        "receipts",
        written.bundle_key,
        "courier",
    )
    assert {key: count for key, count in report.counts.items() if count} == {"delivered": 2}
    assert (events[-1]["event"], events[-1]["delivered"]) == ("bundle.read", 2)
    assert noted(home)[0] == (
        "ann",
        "receipts",
        f"bundle {written.bundle_key} of site courier",
        2,
    )


def test_a_bundle_is_listed_at_both_ends_with_its_file(home: Site, courier: Site) -> None:
    at_the_couriers(home, courier)
    (out,), (came,) = bundles(home), bundles(courier)
    file = str(home.place.parent / "sticks" / "0000-home.bundle")
    assert (out.direction, out.kind, out.site_name, out.deliveries) == (
        "out",
        "results",
        "courier",
        1,
    )
    assert (came.direction, came.kind, came.site_name, came.deliveries) == (
        "in",
        "results",
        "home",
        1,
    )
    assert out.bundle_key == came.bundle_key
    assert (out.site, came.site) == (courier.own.public.fingerprint, home.own.public.fingerprint)
    assert (out.file, came.file) == (file, file)


def test_what_is_tried_again_by_an_import_counts_as_changed(
    home: Site, courier: Site, provider: ModelProvider
) -> None:
    at_the_couriers(home, courier)
    courier.deliver(provider, dies="refused")
    written = home.export(courier, again=True)
    courier.read(written.file)
    _, *newest = noted(courier)[0]
    assert newest == ["import", f"bundle {written.bundle_key} of site home", 1]


def test_a_bundle_of_many_entries_is_counted_whole(
    home: Site, courier: Site, provider: ModelProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some entries are one transaction: here two."""
    monkeypatch.setattr(reading_bundles, "_AT_ONCE", 2)
    for number in range(5):
        home.save(test_id=f"t{number}")
    parts, take_in = [], arrivals.take_in

    def counted(*given: Any) -> Counter[str]:
        parts.append(len(given[3]))
        return take_in(*given)

    monkeypatch.setattr(arrivals, "take_in", counted)
    report = courier.read(home.export(courier).file)
    assert parts == [2, 2, 1]
    assert report.counts == {"new": 5, "known": 0, "retried": 0, "owed": 0}
    courier.deliver(provider)
    report = home.read(courier.receipts(home).file)
    assert report.counts == dict.fromkeys([*homecoming.COUNTED, "deleted"], 0) | {"delivered": 5}
    assert [one.deliveries for one in bundles(home)] == [5, 5]


def test_receipts_of_nothing_are_all_zeros(home: Site, courier: Site) -> None:
    written = courier.receipts(home)
    assert (written.deliveries, written.results, written.bytes, written.remaining) == (0, 0, 0, 0)
    assert (written.file.exists(), len(written.bundle_key)) == (False, 32)


def test_a_bundle_that_is_taken_back_is_told(home: Site, courier: Site) -> None:
    home.save(test_id="t")
    key = home.export(courier).bundle_key
    bundle, count = back.bundle_named(home.engine, key[:8])
    with captured_logs() as events:
        taken = back.take_back(home.engine, bundle, ANN)
    assert (count, taken) == ({"handed_over": 1}, 1)
    told = {"event": "bundle.taken_back", "log_level": "info", "site": "courier"}
    assert events == [told | {"bundle": key, "count": 1}]
    assert noted(home)[0] == ("ann", "take back", f"bundle {key} for site courier", 1)


def test_a_site_that_is_trusted_is_noted_by_whom(home: Site) -> None:
    site = PublicSite("van", PrivateKeys(bytes(range(64))).public)
    assert partners.trust(home.engine, home.own.public, site, ANN)
    told = ("ann", "trust", f"site van ({site.fingerprint})", 1)
    assert noted(home)[0] == told
    assert not partners.trust(home.engine, home.own.public, site)
    assert noted(home)[0] == told


def test_a_site_that_is_forgotten_says_what_it_still_has(home: Site, courier: Site) -> None:
    home.save()
    home.export(courier)
    assert partners.distrust(home.engine, "courier") == (courier.own.public, 1)
    assert partners.distrust(home.engine, "other")[1] == 0


def test_a_site_that_is_forgotten_is_noted_by_whom(home: Site, courier: Site) -> None:
    partners.distrust(home.engine, "courier", ANN)
    ((who, what, subject, count), *_) = noted(home)
    assert (who, what, count, "courier" in subject) == ("ann", "distrust", 1, True)
    with pytest.raises(BundleError, match="nobody"):
        partners.distrust(home.engine, "nobody", ANN)


def test_a_file_that_is_there_is_told_with_the_way_to_read_it(tmp_path: Path) -> None:
    with pytest.raises(BundleError) as refused:
        writing_bundles.require_new(tmp_path)
    assert str(refused.value) == (
        f"{tmp_path} is there already, and nothing is written over it. Name another; to read this one: "
        "fairmind-sync bundle import"
    )


def test_a_bundle_that_can_not_be_finished_counts_as_handed_over(
    home: Site, courier: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_given: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    home.save(test_id="t")
    monkeypatch.setattr(unsigned_bundle.UnsignedBundle, "sign", fail)
    with pytest.raises(BundleError) as failed:
        home.export(courier)
    assert str(failed.value).partition(".bundle ")[2] == (
        "could not be finished: No space left on device. What it held counts as handed over: run "
        "fairmind-sync bundle export --again"
    )
    assert home.statuses() == ["handed_over"]


def test_what_goes_on_changing_is_told_with_the_way_out(
    home: Site, courier: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.save(test_id="t")
    monkeypatch.setattr(writing_bundles.hand_overs, "mark", lambda *_given, **_how: False)  # type: ignore[attr-defined]
    with pytest.raises(BundleError) as failed:
        home.export(courier)
    assert str(failed.value) == (
        "a daemon or drain delivers at the same time: nothing was handed over. Stop it, and export again."
    )


def named(site: Site, begins: str) -> str:
    """The bundle's key, or the refusal."""
    try:
        return back.bundle_named(site.engine, begins)[0].bundle_key
    except BundleError as refused:
        return str(refused)


def test_several_bundles_of_one_beginning_are_not_taken_for_one(
    home: Site, courier: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [f"abcd{number:028}" for number in range(2)]
    monkeypatch.setattr(writing_bundles, "uuid4", lambda: UUID(keys[len(home.bundles_out())]))
    home.save(test_id="a")
    home.export(courier)
    assert named(home, "abcd") == keys[0]
    home.save(test_id="b")
    home.export(courier)
    see = "See: fairmind-sync bundle list"
    assert named(home, "abcd") == f"several bundles went out whose key begins with 'abcd'. {see}"
    assert named(home, "abc") == f"no bundle went out whose key begins with 'abc'. {see}"
    assert named(home, keys[1]) == keys[1]


def test_receipts_are_no_bundle_to_take_back(home: Site, courier: Site) -> None:
    at_the_couriers(home, courier)
    key = courier.receipts(home).bundle_key
    assert named(courier, key).startswith("no bundle went out")


def test_what_began_here_and_comes_back_is_told_in_numbers(
    home: Site, courier: Site, other: Site
) -> None:
    for number in range(2):
        home.save(test_id=f"t{number}")
    courier.read(home.export(courier).file)
    file: Any = courier.export(other).file
    other.read(file)
    back_home = other.export(home)
    assert home.refusal(back_home.file) == (
        "the bundle of site other holds 2 deliveries that began here, and another site has them. "
        "Take them back there, by: fairmind-sync bundle take-back"
    )
