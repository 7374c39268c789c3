"""A trip from and to each database: what goes out, comes in and comes home is the same in both."""

from __future__ import annotations

import pytest

from fairmind_sync.storage import erasure
from fairmind_sync.storage.tables import results_table
from tests.handover.world import ModelProvider, Site
from tests.support.databases import rows

pytestmark = pytest.mark.both_databases


def test_a_trip_from_here(here: Site, courier: Site, provider: ModelProvider) -> None:
    for test_id in ("lives", "dies"):
        here.save(test_id=test_id)
    courier.read(here.export(courier, is_encrypted=True).file)
    courier.deliver(provider, dies="refused")
    here.read(courier.receipts(here).file)
    assert here.statuses() == ["dead", "dead"]
    assert here.retry(1) == 1
    courier.read(here.export(courier, again=True).file)
    courier.deliver(provider)
    here.read(courier.receipts(here).file)
    assert here.statuses() == ["delivered", "dead"]
    assert (here.records()[0].run_id, here.claim()) == ("run-1", [])


def test_a_trip_to_here(here: Site, courier: Site, provider: ModelProvider) -> None:
    courier.save(test_id="t", results={"rate": 0.1})
    first = courier.export(here).file
    courier.save(test_id="t", results={"rate": 0.2})
    here.read(courier.export(here).file)
    for file in (first, first):
        here.read(file)
    here.deliver(provider)
    courier.read(here.receipts(courier).file)
    assert courier.statuses() == ["delivered", "delivered"]
    assert [one.revision for one in here.records()] == [2, 1]


def test_a_dead_one_is_tried_again_here(here: Site, courier: Site, provider: ModelProvider) -> None:
    courier.save()
    here.read(courier.export(here).file)
    here.deliver(provider, dies="refused")
    assert here.read(courier.export(here, again=True).file).counts["retried"] == 1
    assert here.statuses() == ["pending"]


def test_what_was_taken_back_is_claimed_here(
    here: Site, courier: Site, provider: ModelProvider
) -> None:
    here.save()
    assert here.take_back(here.export(courier).bundle_key) == 1
    here.deliver(provider)
    assert here.statuses() == ["delivered"]


def test_receipts_have_ever_higher_numbers(here: Site, courier: Site) -> None:
    courier.save()
    here.read(courier.export(here).file)
    older, newer = here.receipts(courier).file, here.receipts(courier).file
    numbers = [
        int(file.read_text().split('"sequence":')[1].split(",")[0]) for file in (older, newer)
    ]
    assert numbers[0] < numbers[1]


def test_what_was_deleted_while_it_was_delivered_does_not_go_out(here: Site, courier: Site) -> None:
    """The worker died, so nobody has ended the deletion."""
    here.save(test_id="gone")
    here.claim()
    here.delete("gone")
    here.end_leases()
    assert (here.export(courier).deliveries, here.statuses()) == (0, ["discarded"])
    (result,) = rows(here.engine, results_table)
    assert (result.results, result.erased_at is None) == ("{}", False)
    assert not erasure.is_owed(here.engine)
