"""What arrives in bundles, and what is refused at the door."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from fairmind_sync.handover import partners, reading_bundles
from fairmind_sync.outbox import hand_over_lookup, saved_results
from fairmind_sync.results import privacy
from fairmind_sync.storage.engine import reading, writing
from fairmind_sync.storage.tables import outbox_table, results_table
from tests.handover.world import MOST, ModelProvider, Site
from tests.support.databases import rows


def test_a_delivery_arrives_under_its_key_with_its_result(home: Site, courier: Site) -> None:
    home.save(test_id="t", results={"rate": float("inf"), "of": {"a": 1}})
    courier.read(home.export(courier).file)
    (there,), (here,) = rows(courier.engine, outbox_table), rows(home.engine, outbox_table)
    assert (there.delivery_key, there.status) == (here.delivery_key, "pending")
    same = ("test_id", "user_id", "revision", "results", "metadata", "digest", "created_at")
    (came,), (went,) = rows(courier.engine, results_table), rows(home.engine, results_table)
    assert [getattr(came, name) for name in same] == [getattr(went, name) for name in same]


def test_a_bundle_that_is_read_twice_changes_nothing(home: Site, courier: Site) -> None:
    home.save()
    file = home.export(courier).file
    assert courier.read(file).counts == {"new": 1, "known": 0, "retried": 0, "owed": 0}
    before = courier.records()
    again = courier.read(file)
    assert (again.counts["known"], again.is_new) == (1, False)
    assert courier.records() == before


def test_where_it_came_from_is_kept(home: Site, courier: Site) -> None:
    home.save()
    written = home.export(courier)
    courier.read(written.file)
    with reading(courier.engine) as connection:
        way = hand_over_lookup.came_from(connection, 1)
    assert way is not None
    assert (way.site, way.bundle_key) == ("home", written.bundle_key)


def test_a_bundle_for_another_site_is_refused(home: Site, courier: Site, other: Site) -> None:
    home.save()
    said = str(other.refusal(home.export(courier).file))
    assert "for site courier, and this is site other" in said
    assert other.records() == []


def test_a_bundle_of_a_site_that_is_not_trusted_is_refused(home: Site, courier: Site) -> None:
    home.save()
    file = home.export(courier).file
    partners.distrust(courier.engine, "home")
    said = str(courier.refusal(file))
    assert home.own.public.line in said
    assert home.own.public.shown_fingerprint in said
    assert courier.records() == []


def test_what_began_here_is_refused_whole(home: Site, courier: Site, other: Site) -> None:
    """By a way round: the courier hands over to the other one, who hands over to home."""
    home.save()
    courier.read(home.export(courier).file)
    other.read(courier.export(other).file)
    other.save()
    said = str(home.refusal(other.export(home).file))
    assert "1 delivery that began here" in said
    assert home.statuses() == ["handed_over"]


def test_another_result_of_the_same_test_is_another_revision(home: Site, courier: Site) -> None:
    courier.save(test_id="t", results={"rate": 0.1})
    home.save(test_id="t", results={"rate": 0.2})
    courier.read(home.export(courier).file)
    assert [one.revision for one in courier.records()] == [1, 2]


def test_revisions_keep_their_numbers_in_any_order(home: Site, courier: Site) -> None:
    home.save(test_id="t", results={"rate": 0.1})
    first = home.export(courier).file
    home.save(test_id="t", results={"rate": 0.2})
    courier.read(home.export(courier).file)
    courier.read(first)
    with reading(courier.engine) as connection:
        newest = saved_results.whole_revisions(connection, "t", "user-1", 9)
    assert {one.revision: one.results["rate"] for one in newest} == {1: 0.1, 2: 0.2}


def test_a_result_that_is_owed_there_already_makes_no_second_run(
    home: Site, courier: Site, provider: ModelProvider
) -> None:
    """As after the loss of home's database: the same content, saved again, has another key."""
    courier.save(test_id="t", results={"rate": 0.1})
    home.save(test_id="t", results={"rate": 0.1})
    assert courier.read(home.export(courier).file).counts["owed"] == 1
    courier.deliver(provider)
    home.read(courier.receipts(home).file)
    assert (home.statuses(), len(provider.runs)) == (["delivered"], 1)
    assert home.records()[0].run_id == courier.records()[0].run_id


def test_private_fields_of_the_courier_are_left_out_there(home: Site, courier: Site) -> None:
    home.save(results={"rate": 0.1, "name": "Ann"})
    file, patterns = home.export(courier).file, (privacy.parse("results.name"),)
    reading_bundles.read(courier.engine, courier.own, file, patterns, most_bytes=MOST)
    (came,) = rows(courier.engine, results_table)
    assert (came.results, came.removed) == ('{"rate":0.1}', '{"results.name":1}')


def test_what_was_left_out_at_home_is_told_at_the_couriers_too(home: Site, courier: Site) -> None:
    home.save(results={"rate": 0.1, "name": "Ann"})
    with writing(home.engine) as connection:
        connection.execute(update(results_table).values(removed='{"results.mail":2}'))
    file, patterns = home.export(courier).file, (privacy.parse("results.name"),)
    reading_bundles.read(courier.engine, courier.own, file, patterns, most_bytes=MOST)
    (came,) = rows(courier.engine, results_table)
    assert came.removed == '{"results.mail":2,"results.name":1}'


def test_a_clock_ahead_at_home_makes_nobody_wait(
    home: Site, courier: Site, provider: ModelProvider
) -> None:
    home.save()
    home.deliver(provider, dies="before")
    home.end_leases()
    ahead = datetime.now(UTC) + timedelta(days=400)
    with writing(home.engine) as connection:
        connection.execute(update(outbox_table).values(create_attempted_at=ahead))
    courier.read(home.export(courier).file)
    (came,) = rows(courier.engine, outbox_table)
    assert came.create_attempted_at <= datetime.now(UTC)


def test_a_run_that_home_may_have_made_is_looked_for(
    home: Site, courier: Site, provider: ModelProvider
) -> None:
    home.save()
    home.deliver(provider, dies="after")
    home.end_leases()
    courier.read(home.export(courier).file)
    courier.deliver(provider)
    assert (courier.statuses(), len(provider.runs)) == (["delivered"], 1)


@pytest.mark.parametrize(("again", "status"), [(True, "pending"), (False, "dead")])
def test_what_died_there_is_tried_again_where_it_is_handed_over_again(
    home: Site, courier: Site, provider: ModelProvider, again: bool, status: str
) -> None:
    home.save()
    file = home.export(courier).file
    courier.read(file)
    courier.deliver(provider, dies="refused")
    counts = courier.read(home.export(courier, again=True).file if again else file).counts
    assert (courier.statuses(), counts["retried"]) == ([status], int(again))


def test_an_older_bundle_after_a_newer_one_retries_nothing(
    home: Site, courier: Site, provider: ModelProvider
) -> None:
    home.save()
    older = home.export(courier).file
    courier.read(home.export(courier, again=True).file)
    courier.deliver(provider, dies="refused")
    courier.read(older)
    assert courier.statuses() == ["dead"]


def test_a_courier_may_hand_it_on(
    home: Site, courier: Site, other: Site, provider: ModelProvider
) -> None:
    home.save()
    courier.read(home.export(courier).file)
    other.read(courier.export(other).file)
    other.deliver(provider)
    courier.read(other.receipts(courier).file)
    home.read(courier.receipts(home).file)
    assert (home.statuses(), len(provider.runs)) == (["delivered"], 1)
