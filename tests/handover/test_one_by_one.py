"""Small things of a hand-over: kept names and keys, numbers in words, bundles that are called alike."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from fairmind_sync.errors import BundleError
from fairmind_sync.handover import identity, reading_bundles, taking_back, writing_bundles
from fairmind_sync.handover.public_site import name_of_host
from fairmind_sync.outbox import operator_log
from fairmind_sync.storage.engine import reading, writing
from fairmind_sync.storage.tables import own_site_table
from tests.handover.world import ModelProvider, Site


def test_keys_that_are_there_are_those_of_a_database_that_lost_its_site(home: Site) -> None:
    with writing(home.engine) as connection:
        connection.execute(own_site_table.delete())
    assert identity.own_site(home.engine, None).public.keys == home.own.public.keys


def test_a_new_identity_keeps_the_name(home: Site) -> None:
    assert identity.renew(home.engine, None).public.name == "home"


def test_a_database_without_an_identity_gets_its_hosts_name(home: Site) -> None:
    with writing(home.engine) as connection:
        connection.execute(own_site_table.delete())
    assert identity.renew(home.engine, None).public.name not in ("home", "")


@pytest.mark.parametrize(("host", "name"), [("X.lab", "X.lab"), ("a" * 64, "a" * 63)])
def test_a_hosts_name_is_kept_and_shortened(host: str, name: str) -> None:
    assert name_of_host(host) == name


def test_bundles_that_are_called_alike_are_told_apart(
    home: Site, courier: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for last in "12":
        home.save(test_id=f"t{last}")
        key = SimpleNamespace(hex="ab" * 15 + f"0{last}")
        monkeypatch.setattr(writing_bundles, "uuid4", lambda key=key: key)
        home.export(courier)
    with pytest.raises(BundleError, match=r"^several bundles went out whose key begins with 'abab"):
        taking_back.bundle_named(home.engine, "abababab")
    found, _ = taking_back.bundle_named(home.engine, "ab" * 15 + "02")
    assert found.bundle_key.endswith("02")


def test_one_delivery_that_began_here_is_one(home: Site, courier: Site, other: Site) -> None:
    home.save(test_id="t")
    courier.read(home.export(courier).file)
    other.read(courier.export(other).file)
    refused = home.refusal(other.export(home).file)
    assert refused is not None
    assert "holds 1 delivery that began here" in refused


def test_what_is_read_in_parts_is_counted_together(
    home: Site, courier: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_bundles, "_AT_ONCE", 1)
    for number in range(3):
        home.save(test_id=f"t{number}")
    assert courier.read(home.export(courier).file).counts["new"] == 3


def test_what_is_retried_is_an_action(home: Site, courier: Site, provider: ModelProvider) -> None:
    home.save(test_id="t")
    courier.read(home.export(courier).file)
    courier.deliver(provider, dies="refused")
    home.read(courier.receipts(home).file)
    home.retry(1)
    report = courier.read(home.export(courier, again=True).file)
    with reading(courier.engine) as connection:
        newest, *_ = operator_log.newest(connection, 1)
    assert (report.counts["retried"], newest.action, newest.count) == (1, "import", 1)
