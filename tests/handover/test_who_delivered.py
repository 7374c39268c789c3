"""Who delivered it is told also where several sites had it, one after the other."""

from __future__ import annotations

from datetime import UTC, datetime

from fairmind_sync.operating.explanation import explain
from fairmind_sync.settings import Settings
from tests.handover.world import ModelProvider, Site, at_the_couriers


def told(home: Site) -> str:
    (one,) = explain(home.engine, Settings(provider="mlflow"), "t", datetime.now(UTC))
    return str(one.hand_over)


def taken_back_and_handed_on(home: Site, courier: Site, other: Site) -> None:
    at_the_couriers(home, courier)
    home.take_back(home.bundles_out()[0])
    other.read(home.export(other).file)


def test_what_was_taken_back_and_delivered_at_home_was_delivered_by_nobody_else(
    home: Site, courier: Site, provider: ModelProvider
) -> None:
    """The courier's receipts came before, and once more after."""
    at_the_couriers(home, courier)
    home.read(courier.receipts(home).file)
    home.take_back(home.bundles_out()[0])
    home.deliver(provider)
    home.read(courier.receipts(home).file)
    assert (told(home)[:35], told(home)[-17:]) == (
        "It was handed over to site courier,",
        ", and taken back.",
    )


def test_the_site_that_had_it_first_may_deliver_it(
    home: Site, courier: Site, other: Site, provider: ModelProvider
) -> None:
    taken_back_and_handed_on(home, courier, other)
    home.read(other.receipts(home).file)
    courier.deliver(provider)
    home.read(courier.receipts(home).file)
    assert told(home).startswith("It was delivered by site courier, in bundle ")
    assert "other" not in told(home)


def test_two_sites_that_may_have_delivered_it_are_both_named(
    home: Site, courier: Site, other: Site, provider: ModelProvider
) -> None:
    taken_back_and_handed_on(home, courier, other)
    for site in (courier, other):
        site.deliver(provider)
        home.read(site.receipts(home).file)
    assert told(home).startswith("It was delivered by site other, in bundle ")
    assert " or by site courier, in bundle " in told(home)
