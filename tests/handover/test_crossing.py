"""Two sites that hand the same saved result to each other: each waits, until one takes its bundle back."""

from __future__ import annotations

import pytest

from tests.handover.world import ModelProvider, Site


def crossed(home: Site, courier: Site) -> tuple[str, str]:
    """Bundles of one result, written by both before either is read; returns their keys."""
    for site in (home, courier):
        site.save(test_id="t-1")
    there, back = home.export(courier), courier.export(home)
    courier.read(there.file)
    home.read(back.file)
    return home.bundles_out()[0], courier.bundles_out()[0]


def test_neither_delivers_meanwhile(home: Site, courier: Site, provider: ModelProvider) -> None:
    crossed(home, courier)
    assert [site.deliver(provider) for site in (home, courier)] == [0, 0]
    assert [site.statuses() for site in (home, courier)] == [["handed_over"], ["handed_over"]]


@pytest.mark.parametrize("is_home", [True, False])
def test_who_takes_its_bundle_back_delivers_and_the_other_hears_of_it(
    home: Site, courier: Site, provider: ModelProvider, *, is_home: bool
) -> None:
    keys = crossed(home, courier)
    one, other = (home, courier) if is_home else (courier, home)
    assert one.take_back(keys[0 if is_home else 1]) == 1
    one.deliver(provider)
    other.read(one.receipts(other).file)
    assert [site.statuses() for site in (home, courier)] == [["delivered"], ["delivered"]]
    assert len(provider.runs) == 1
