"""What leaves home in bundles, in which order, and what stays."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from fairmind_sync.errors import BundleError
from fairmind_sync.handover import filling, writing_bundles
from fairmind_sync.handover.unsigned_bundle import UnsignedBundle
from fairmind_sync.outbox import hand_overs, operator_log
from fairmind_sync.outbox.delivery_lookup import RunFilter
from fairmind_sync.storage.engine import reading, writing
from fairmind_sync.storage.tables import outbox_table, results_table
from tests.handover.world import ModelProvider, Site
from tests.support.databases import rows


def held_in(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_bytes().splitlines()[1:-1]]


def ids_in(file: Path) -> list[str]:
    return [entry["test_id"] for entry in held_in(file)]


def test_what_was_exported_is_claimed_by_nobody(home: Site, courier: Site) -> None:
    home.save()
    home.export(courier)
    assert (home.statuses(), home.claim()) == (["handed_over"], [])


def test_a_second_export_has_nothing_left_and_writes_no_file(home: Site, courier: Site) -> None:
    home.save()
    home.export(courier)
    written = home.export(courier)
    assert (written.deliveries, written.file.exists()) == (0, False)


def test_the_oldest_go_first_as_far_as_there_is_room(home: Site, courier: Site) -> None:
    for name in ("a", "b", "c"):
        home.save(test_id=name)
    written = home.export(courier, most_bytes=1_600)
    assert (ids_in(written.file), written.remaining) == (["a", "b"], 1)
    assert written.file.stat().st_size == written.bytes <= 1_600
    assert home.statuses() == ["handed_over", "handed_over", "pending"]


def test_an_encrypted_bundle_keeps_to_its_size(home: Site, courier: Site) -> None:
    for name in ("a", "b", "c"):
        home.save(test_id=name)
    written = home.export(courier, most_bytes=2_000, is_encrypted=True)
    assert written.file.stat().st_size == written.bytes <= 2_000
    assert written.deliveries + written.remaining == 3


def test_where_not_even_one_has_room_nothing_is_handed_over(home: Site, courier: Site) -> None:
    home.save()
    said = "^not even the oldest result, of test '.+', has room: allow more with --max-size.$"
    with pytest.raises(BundleError, match=said):
        home.export(courier, most_bytes=600)
    assert home.statuses() == ["pending"]


def test_a_filter_chooses_what_goes(home: Site, courier: Site) -> None:
    home.save(test_id="a", user_id="ann")
    home.save(test_id="b", user_id="bob")
    assert ids_in(home.export(courier, RunFilter(user_id="bob")).file) == ["b"]


def test_what_is_under_way_stays(home: Site, courier: Site) -> None:
    home.save()
    home.claim()
    assert home.export(courier).deliveries == 0


def test_what_was_left_by_a_dead_worker_goes(home: Site, courier: Site) -> None:
    home.save()
    home.claim()
    home.end_leases()
    assert home.export(courier).deliveries == 1


def said_attempt(file: Path) -> datetime:
    ((delivery,),) = [entry["deliveries"] for entry in held_in(file)]
    return datetime.fromisoformat(delivery["create_attempted_at"])


def test_what_was_attempted_says_when(home: Site, courier: Site, provider: ModelProvider) -> None:
    home.save()
    home.deliver(provider, dies="after")
    home.end_leases()
    (row,) = rows(home.engine, outbox_table)
    assert said_attempt(home.export(courier).file) == row.create_attempted_at


def test_what_was_not_attempted_is_looked_for_where_it_comes_all_the_same(
    home: Site, courier: Site
) -> None:
    """Others may have made the run by then: the bundle was taken back, and comes late.

    Nobody waits there for a create that may be under way: a stick can be read at once.
    """
    home.save()
    file = home.export(courier).file
    assert said_attempt(file) <= datetime.now(UTC) - timedelta(seconds=30)


def test_what_changes_meanwhile_is_read_again(
    home: Site, courier: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon attempts the delivery between the reading and the hand-over."""
    home.save()
    mark, calls = hand_overs.mark, []

    def late(*arguments: Any, **more: Any) -> bool:
        calls.append(1)
        if len(calls) == 1:
            connection = arguments[0]
            now = datetime.now(UTC)
            connection.execute(update(outbox_table).values(create_attempted_at=now))
            assert not mark(*arguments, **more)
            connection.commit()
            return False
        return mark(*arguments, **more)

    monkeypatch.setattr(hand_overs, "mark", late)
    file = home.export(courier).file
    assert held_in(file)[0]["deliveries"][0]["create_attempted_at"] is not None


def test_where_it_goes_on_changing_nothing_is_handed_over(
    home: Site, courier: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.save()
    monkeypatch.setattr(hand_overs, "mark", lambda *_a, **_b: False)
    with pytest.raises(BundleError, match="daemon or drain"):
        home.export(courier)
    sticks = [*(home.place.parent / "sticks").iterdir()]
    assert (home.statuses(), sticks) == (["pending"], [])


def test_a_file_that_is_there_is_not_written_over(home: Site, courier: Site) -> None:
    home.save()
    file = home.export(courier).file
    with pytest.raises(BundleError, match="nothing is written over"):
        writing_bundles.require_new(file)


def test_a_crash_before_the_signature_is_cured_by_again(
    home: Site, courier: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.save()

    def full(*_arguments: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(UnsignedBundle, "sign", full)
        with pytest.raises(BundleError, match="--again"):
            home.export(courier)
    assert home.statuses() == ["handed_over"]
    courier.read(home.export(courier, again=True).file)
    assert courier.statuses() == ["pending"]


def test_a_full_disk_hands_nothing_over(
    home: Site, courier: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.save()

    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(UnsignedBundle, "finish", full)
    with pytest.raises(BundleError) as failed:
        home.export(courier)
    file = home.place.parent / "sticks" / "0000-home.bundle"
    assert str(failed.value) == (
        f"{file} can't be written: No space left on device. Nothing was handed over."
    )
    sticks = [*(home.place.parent / "sticks").iterdir()]
    assert (home.statuses(), sticks) == (["pending"], [])


def test_again_is_not_for_what_has_arrived(home: Site, courier: Site) -> None:
    home.save()
    courier.read(home.export(courier).file)
    home.read(courier.receipts(home).file)
    assert home.export(courier, again=True).deliveries == 0


def test_again_is_not_for_another_site(home: Site, courier: Site, other: Site) -> None:
    home.save()
    home.export(courier)
    assert home.export(other, again=True).deliveries == 0


def test_nothing_goes_back_to_the_site_that_it_came_from(home: Site, courier: Site) -> None:
    home.save()
    courier.read(home.export(courier).file)
    assert courier.export(home).deliveries == 0


def test_taken_back_it_is_pending_and_looked_for_first(home: Site, courier: Site) -> None:
    home.save()
    assert home.take_back(home.export(courier).bundle_key) == 1
    (delivery,) = home.claim()
    assert delivery.create_attempted_at is not None


def test_a_bundle_that_was_imported_after_all_makes_no_second_run(
    home: Site, courier: Site, provider: ModelProvider
) -> None:
    """The operator was wrong: the courier had delivered it already."""
    home.save()
    written = home.export(courier)
    courier.read(written.file)
    courier.deliver(provider)
    home.take_back(written.bundle_key)
    home.deliver(provider)
    assert (home.statuses(), len(provider.runs)) == (["delivered"], 1)


def test_taken_back_it_can_go_to_another_site(home: Site, courier: Site, other: Site) -> None:
    home.save()
    home.take_back(home.export(courier).bundle_key)
    other.read(home.export(other).file)
    assert other.statuses() == ["pending"]


def test_a_bundle_is_named_by_enough_of_its_key(home: Site, courier: Site) -> None:
    home.save()
    key = home.export(courier).bundle_key
    for named in ("", key[:3], "zzzz"):
        with pytest.raises(BundleError, match="no bundle"):
            home.take_back(named)
    assert home.take_back(key[:8]) == 1


def test_who_did_it_is_kept(home: Site, courier: Site) -> None:
    home.save()
    written = home.export(courier)
    home.take_back(written.bundle_key)
    with reading(home.engine) as connection:
        newest = operator_log.newest(connection, 2)
    assert [(one.action, one.count) for one in newest] == [("take back", 1), ("export", 1)]
    assert written.bundle_key in newest[0].subject


def test_what_was_deleted_does_not_go_again(home: Site, courier: Site) -> None:
    home.save(test_id="gone")
    home.export(courier)
    home.delete("gone")
    assert home.export(courier, again=True).deliveries == 0


def test_what_was_erased_by_an_older_version_does_not_go_again(home: Site, courier: Site) -> None:
    """A daemon of the version before, during an upgrade, knows no deliveries that are handed over."""
    home.save()
    home.export(courier)
    with writing(home.engine) as connection:
        connection.execute(update(results_table).values(results="{}", erased_at=datetime.now(UTC)))
    assert home.export(courier, again=True).deliveries == 0


def test_what_is_handed_over_cannot_be_discarded_here(home: Site, courier: Site) -> None:
    home.save()
    home.export(courier)
    assert home.discard(1) == 0


def test_many_deliveries_are_handed_over_in_parts(
    home: Site, courier: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hand_overs, "AT_ONCE", 2)
    monkeypatch.setattr(filling, "AT_ONCE", 2)
    for _ in range(5):
        home.save()
    written = home.export(courier)
    assert (written.deliveries, {*home.statuses()}) == (5, {"handed_over"})
    assert home.take_back(written.bundle_key) == 5


def test_a_stopped_hand_over_changes_nothing(home: Site, courier: Site) -> None:
    home.save()
    home.export(courier)
    with writing(home.engine) as connection:
        assert hand_overs.would_take_back(connection, home.bundles_out()[0]).total() == 1
    assert home.statuses() == ["handed_over"]
