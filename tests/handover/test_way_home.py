"""What receipts bring home, in any order, and what they leave as it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from fairmind_sync.handover import identity, partners
from fairmind_sync.operating.explanation import explain
from fairmind_sync.outbox import dead_causes, delivery_lookup, operator_log, repairs
from fairmind_sync.settings import Settings
from fairmind_sync.storage.engine import reading, writing
from fairmind_sync.storage.tables import outbox_table
from tests.handover.world import ModelProvider, Site, at_the_couriers
from tests.support.databases import rows

SETTINGS = Settings(provider="mlflow")


def explained(site: Site) -> tuple[str, str | None]:
    (one,) = explain(site.engine, SETTINGS, "t", datetime.now(UTC))
    return one.state, one.hand_over


def test_a_delivered_one_has_the_run_that_the_courier_recorded(
    home: Site, courier: Site, provider: ModelProvider
) -> None:
    at_the_couriers(home, courier)
    courier.deliver(provider)
    assert home.read(courier.receipts(home).file).counts["delivered"] == 1
    (here,), (there,) = home.records(), courier.records()
    same = ("status", "run_id", "run_url", "destination", "finished_at")
    assert [getattr(here, name) for name in same] == [getattr(there, name) for name in same]
    with reading(home.engine) as connection:
        found = delivery_lookup.delivery_by_run(connection, "mlflow", str(there.run_id))
    assert found == here


def test_who_delivered_it_is_told(home: Site, courier: Site, provider: ModelProvider) -> None:
    at_the_couriers(home, courier)
    assert "It was handed over to site courier" in str(explained(home)[1])
    courier.deliver(provider)
    home.read(courier.receipts(home).file)
    state, hand_over = explained(home)
    assert state == "It is at mlflow: https://provider.example/run-1"
    assert "It was delivered by site courier" in str(hand_over)
    assert "It came from site home" in str(explained(courier)[1])


def test_what_was_taken_back_is_told(home: Site, courier: Site) -> None:
    home.save(test_id="t")
    home.take_back(home.export(courier).bundle_key)
    assert str(explained(home)[1]).endswith(", and taken back.")


def test_what_is_handed_over_is_not_said_to_wait(home: Site, courier: Site) -> None:
    at_the_couriers(home, courier)
    assert explained(home)[0].startswith("Another site has it")


def test_a_dead_one_is_dead_here_with_the_couriers_words(
    home: Site, courier: Site, provider: ModelProvider
) -> None:
    at_the_couriers(home, courier)
    courier.deliver(provider, dies="refused")
    home.read(courier.receipts(home).file)
    (here,) = home.records()
    assert (here.status, here.last_error_kind) == ("dead", "rejected")
    assert here.last_error == "dead at courier: too odd"
    assert "A retry hands it over once more" in str(explained(home)[1])
    with reading(home.engine) as connection:
        (newest,) = operator_log.newest(connection, 1)
    assert (newest.action, newest.count) == ("receipts", 1)


def test_one_that_was_given_up_there_is_dead_here(home: Site, courier: Site) -> None:
    at_the_couriers(home, courier)
    courier.discard(1)
    home.read(courier.receipts(home).file)
    assert home.records()[0].last_error == "given up at courier: no use"


def test_what_still_waits_there_changes_nothing(home: Site, courier: Site) -> None:
    at_the_couriers(home, courier)
    before = home.records()
    assert home.read(courier.receipts(home).file).counts["unchanged"] == 1
    assert home.records() == before


def test_a_retry_here_is_handed_over_again_not_delivered_here(
    home: Site, courier: Site, provider: ModelProvider
) -> None:
    at_the_couriers(home, courier)
    courier.deliver(provider, dies="refused")
    home.read(courier.receipts(home).file)
    assert home.retry(1) == 1
    assert (home.statuses(), home.claim()) == (["handed_over"], [])
    courier.read(home.export(courier, again=True).file)
    assert courier.statuses() == ["pending"]


def test_a_sweep_here_reopens_nothing_that_another_site_delivered(
    home: Site, courier: Site, provider: ModelProvider
) -> None:
    at_the_couriers(home, courier)
    courier.deliver(provider)
    home.read(courier.receipts(home).file)
    (row,) = rows(home.engine, outbox_table)
    with writing(home.engine) as connection:
        reopened = repairs.reopen(connection, "mlflow", row.delivery_key, "why", datetime.now(UTC))
    assert (reopened, home.statuses()) == (False, ["delivered"])


def test_a_courier_whose_clock_is_ahead_ends_nothing_in_the_future(
    home: Site, courier: Site, provider: ModelProvider
) -> None:
    at_the_couriers(home, courier)
    courier.deliver(provider)
    ahead = datetime.now(UTC) + timedelta(days=400)
    with writing(courier.engine) as connection:
        connection.execute(update(outbox_table).values(finished_at=ahead))
    home.read(courier.receipts(home).file)
    (row,) = rows(home.engine, outbox_table)
    assert row.finished_at <= datetime.now(UTC)


def test_what_died_there_long_ago_died_here_when_that_was_heard(
    home: Site, courier: Site, provider: ModelProvider
) -> None:
    """A webhook is told of what died within the hour."""
    at_the_couriers(home, courier)
    courier.deliver(provider, dies="refused")
    with writing(courier.engine) as connection:
        long_ago = datetime.now(UTC) - timedelta(days=9)
        connection.execute(update(outbox_table).values(finished_at=long_ago))
    began = datetime.now(UTC)
    home.read(courier.receipts(home).file)
    with reading(home.engine) as connection:
        (died,) = dead_causes.died_since(connection, began)
    assert (died.provider, died.error_kind, died.count) == ("mlflow", "rejected", 1)


def test_delivered_wins_over_whatever_was_decided_here(
    home: Site, courier: Site, provider: ModelProvider
) -> None:
    at_the_couriers(home, courier)
    courier.deliver(provider, dies="refused")
    home.read(courier.receipts(home).file)
    home.discard(1)
    courier.retry(1)
    courier.deliver(provider)
    home.read(courier.receipts(home).file)
    assert home.statuses() == ["delivered"]


def test_the_run_of_a_result_that_was_deleted_here_stays_known(
    home: Site, courier: Site, provider: ModelProvider
) -> None:
    at_the_couriers(home, courier)
    courier.deliver(provider)
    home.delete("t")
    assert home.statuses() == ["discarded"]
    counts = home.read(courier.receipts(home).file).counts
    assert (counts["delivered"], counts["deleted"]) == (1, 1)
    assert home.records()[0].run_id == "run-1"


def test_what_was_never_handed_over_to_that_site_stays(
    home: Site, courier: Site, provider: ModelProvider
) -> None:
    """As after a restored copy of home's database, or a site that tells of what it never had."""
    at_the_couriers(home, courier)
    courier.deliver(provider)
    file = courier.receipts(home).file
    with reading(home.engine) as connection:
        connection.exec_driver_sql("DELETE FROM hand_overs")
        connection.commit()
    assert home.read(file).counts["never_handed_over"] == 1
    assert home.statuses() == ["handed_over"]


def test_what_is_not_here_is_counted(home: Site, courier: Site) -> None:
    at_the_couriers(home, courier)
    file = courier.receipts(home).file
    with reading(home.engine) as connection:
        connection.exec_driver_sql("UPDATE outbox SET delivery_key = 'another'")
        connection.commit()
    assert home.read(file).counts["unknown"] == 1


def test_a_site_that_has_it_no_longer_buries_nothing(
    home: Site, courier: Site, other: Site, provider: ModelProvider
) -> None:
    home.save()
    written = home.export(courier)
    courier.read(written.file)
    courier.deliver(provider, dies="refused")
    home.take_back(written.bundle_key)
    home.export(other)
    home.read(courier.receipts(home).file)
    assert home.statuses() == ["handed_over"]


def test_what_was_taken_back_and_is_under_way_is_left_to_its_worker(
    home: Site, courier: Site, provider: ModelProvider
) -> None:
    home.save()
    written = home.export(courier)
    courier.read(written.file)
    courier.deliver(provider)
    home.take_back(written.bundle_key)
    home.claim()
    file = courier.receipts(home).file
    assert home.read(file).counts["under_way"] == 1
    home.end_leases()
    assert home.read(file).counts["delivered"] == 1


def test_receipts_tell_only_of_what_came_from_that_site(
    home: Site, courier: Site, other: Site
) -> None:
    at_the_couriers(home, courier)
    assert courier.receipts(other).deliveries == 0


def test_a_new_name_of_a_site_changes_nothing_but_words(
    home: Site, courier: Site, provider: ModelProvider
) -> None:
    at_the_couriers(home, courier)
    courier.deliver(provider)
    courier.own = identity.rename(courier.engine, courier.own, "van")
    home.read(courier.receipts(home).file)
    assert "delivered by site courier" in str(explained(home)[1])
    assert partners.trust(home.engine, home.own.public, courier.own.public)
    assert "delivered by site van" in str(explained(home)[1])


@pytest.mark.parametrize("is_encrypted", [True, False])
def test_receipts_can_be_encrypted(
    home: Site, courier: Site, provider: ModelProvider, is_encrypted: bool
) -> None:
    at_the_couriers(home, courier)
    courier.deliver(provider)
    file = courier.receipts(home, is_encrypted=is_encrypted).file
    assert (b"provider.example" not in file.read_bytes()) == is_encrypted
    home.read(file)
    assert home.statuses() == ["delivered"]
