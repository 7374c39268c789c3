"""The pictures of the docs can be taken anew."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from fairmind_sync.clock import utc_now
from fairmind_sync.settings import Settings
from tests.pictures.cockpit import NAMES, furnish, photograph
from tests.support.databases import store_of
from tests.support.pages import served


@pytest.mark.nightly
def test_there_is_a_picture_of_each_page(browser: Browser, tmp_path: Path) -> None:
    settings = Settings(provider="both", database_url=f"sqlite:///{tmp_path}/pictures.db")
    beat = furnish(store_of(settings), utc_now())
    with served(settings) as address:
        photograph(browser, address, tmp_path, beat)
    assert sorted(one.name for one in tmp_path.glob("*.jpg")) == sorted(NAMES)
