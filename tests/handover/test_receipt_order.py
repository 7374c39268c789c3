"""Receipts that come in any order: the newest counts, and 'delivered' stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from fairmind_sync.handover import writing_bundles
from fairmind_sync.outbox import sites
from fairmind_sync.outbox.delivery_lookup import DeliveryRecord
from fairmind_sync.storage.engine import writing
from tests.handover.world import ModelProvider, Site, at_the_couriers


def test_older_receipts_after_a_retry_bury_nothing(
    home: Site, courier: Site, provider: ModelProvider
) -> None:
    at_the_couriers(home, courier)
    courier.deliver(provider, dies="refused")
    older, newer = courier.receipts(home).file, courier.receipts(home).file
    home.read(older)
    home.retry(1)
    home.read(older)
    home.read(newer)
    assert home.statuses() == ["handed_over"]


def test_older_receipts_after_newer_ones_change_nothing(
    home: Site, courier: Site, provider: ModelProvider
) -> None:
    at_the_couriers(home, courier)
    courier.deliver(provider, dies="refused")
    older = courier.receipts(home).file
    courier.retry(1)
    courier.deliver(provider)
    home.read(courier.receipts(home).file)
    before: list[DeliveryRecord] = home.records()
    home.read(older)
    assert (home.records(), home.statuses()) == (before, ["delivered"])


def test_newer_receipts_of_what_waits_keep_older_ones_of_a_death_out(
    home: Site, courier: Site, provider: ModelProvider
) -> None:
    at_the_couriers(home, courier)
    courier.deliver(provider, dies="refused")
    older = courier.receipts(home).file
    courier.retry(1)
    home.read(courier.receipts(home).file)
    home.read(older)
    assert home.statuses() == ["handed_over"]


def test_receipts_between_older_and_newer_ones_are_older_still(
    home: Site, courier: Site, provider: ModelProvider
) -> None:
    at_the_couriers(home, courier)
    courier.deliver(provider, dies="refused")
    oldest, older = courier.receipts(home).file, courier.receipts(home).file
    courier.retry(1)
    for file in (courier.receipts(home).file, oldest, older):
        home.read(file)
    assert home.statuses() == ["handed_over"]


def test_receipts_have_higher_numbers_also_after_the_clock_was_set_back(home: Site) -> None:
    with writing(home.engine) as connection:
        now = datetime.now(UTC)
        first = sites.next_sequence(connection, now)
        second = sites.next_sequence(connection, now - timedelta(days=1))
        third = sites.next_sequence(connection, now + timedelta(days=1))
    assert first < second < third


def test_receipts_since_then_tell_of_what_ended_then_or_later(
    home: Site, courier: Site, provider: ModelProvider
) -> None:
    at_the_couriers(home, courier)
    courier.deliver(provider)
    now = datetime.now(UTC)
    told = [
        writing_bundles.write_receipts(
            courier.sender(home), courier.place / f"{number}.bundle", since
        ).deliveries
        for number, since in enumerate((now - timedelta(hours=1), now + timedelta(hours=1)))
    ]
    assert told == [1, 0]
