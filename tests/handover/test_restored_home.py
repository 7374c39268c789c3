"""A home whose database was restored from a copy has forgotten hand-overs that the courier knows of."""

from __future__ import annotations

import shutil
from pathlib import Path

from fairmind_sync.storage.engine import open_engine
from tests.handover.world import ModelProvider, Site


def there_in_vain(home: Site, courier: Site, provider: ModelProvider, *, again: bool) -> None:
    """The delivery goes there, dies, and is dead at home, too."""
    courier.read(home.export(courier, again=again).file)
    courier.deliver(provider, dies="refused")
    home.read(courier.receipts(home).file)


def restore(home: Site, copy: Path) -> None:
    home.engine.dispose()
    shutil.rmtree(home.place)
    shutil.copytree(copy, home.place)
    home.engine = open_engine(f"sqlite:///{home.place / 'outbox.db'}")


def test_a_retry_reaches_a_courier_that_knows_of_later_hand_overs(
    home: Site, courier: Site, provider: ModelProvider, tmp_path: Path
) -> None:
    home.save(test_id="t")
    home.export(courier)
    home.engine.dispose()
    copy = shutil.copytree(home.place, tmp_path / "copy")
    there_in_vain(home, courier, provider, again=True)
    for _ in range(2):
        home.retry(1)
        there_in_vain(home, courier, provider, again=True)
    restore(home, copy)
    home.read(courier.receipts(home).file)
    assert (home.statuses(), home.retry(1)) == (["dead"], 1)
    counts = courier.read(home.export(courier, again=True).file).counts
    assert (counts["retried"], courier.statuses()) == (1, ["pending"])
