"""Sites that get new keys, or a new database, while deliveries are out: what is told, and the way on."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from fairmind_sync.handover import identity, partners
from fairmind_sync.operating.explanation import explain
from fairmind_sync.settings import Settings
from fairmind_sync.storage import schema
from tests.handover.world import ModelProvider, Site, at_the_couriers


def renewed(site: Site, other: Site) -> None:
    """The site has new keys, which the other one trusts in the place of its old ones."""
    site.own = identity.renew(site.engine, None)
    trusted_anew(site, other)


def trusted_anew(site: Site, other: Site) -> None:
    partners.distrust(other.engine, site.name)
    partners.trust(other.engine, other.own.public, site.own.public)


def handed_over_once_more(home: Site, courier: Site, provider: ModelProvider) -> None:
    for key in home.bundles_out():
        home.take_back(key)
    courier.read(home.export(courier).file)
    courier.deliver(provider)
    home.read(courier.receipts(home).file)


@pytest.mark.parametrize("whose", ["home", "courier"])
@pytest.mark.parametrize("when", ["before its delivery", "after its delivery"])
def test_what_was_out_is_taken_back_and_handed_over_again_and_has_one_run(
    home: Site, courier: Site, provider: ModelProvider, whose: str, when: str
) -> None:
    at_the_couriers(home, courier)
    home.read(courier.receipts(home).file)
    if when == "after its delivery":
        courier.deliver(provider)
    renewed(*((home, courier) if whose == "home" else (courier, home)))
    assert home.export(courier, again=True).deliveries == 0
    handed_over_once_more(home, courier, provider)
    assert (home.statuses(), provider.made_twice()) == (["delivered"], [])


def test_a_couriers_lost_database_is_made_up_for_in_the_same_way(
    home: Site, courier: Site, provider: ModelProvider, tmp_path: Path
) -> None:
    at_the_couriers(home, courier)
    home.read(courier.receipts(home).file)
    courier.deliver(provider)
    (tmp_path / "new").mkdir()
    engine = schema.ready_engine(f"sqlite:///{tmp_path / 'new' / 'outbox.db'}")
    new = Site(engine, identity.own_site(engine, None), tmp_path / "new")
    partners.trust(engine, new.own.public, home.own.public)
    partners.trust(home.engine, home.own.public, new.own.public)
    handed_over_once_more(home, new, provider)
    assert (home.statuses(), provider.made_twice()) == (["delivered"], [])
    engine.dispose()


@pytest.mark.parametrize("kind", ["results", "receipts"])
def test_what_was_written_for_earlier_keys_says_so_and_what_to_do(
    home: Site, courier: Site, kind: str
) -> None:
    home.save(test_id="t")
    out = home.export(courier).file
    reader, writer, file = courier, home, out
    if kind == "receipts":
        courier.read(out)
        reader, writer, file = home, courier, courier.receipts(home).file
    renewed(reader, writer)
    assert reader.refusal(file) == (
        f"the bundle of site {writer.name} was written for the earlier keys of this site {reader.name}, or "
        f"for another site of that name. Have this site's keys trusted there ({reader.name}'s fingerprint is "
        f"{reader.own.public.shown_fingerprint}); then the site that handed the deliveries over has to take "
        "them back and to export them again: fairmind-sync bundle take-back"
    )


def test_what_is_out_is_explained_with_the_way_on_after_new_keys(home: Site, courier: Site) -> None:
    at_the_couriers(home, courier)
    (one,) = explain(home.engine, Settings(provider="mlflow"), "t", datetime.now(UTC))
    assert one.what_to_do == (
        "Import that site's receipts; if the bundle was lost, run: fairmind-sync bundle export --again; if "
        "one of the two sites has new keys or a new database since, take the bundle back and export again: "
        "fairmind-sync bundle take-back"
    )
