"""A home and two couriers for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.handover.world import ModelProvider, Site, world


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[tuple[Site, Site, Site]]:
    made = world(tmp_path)
    yield made
    for site in made:
        site.engine.dispose()


@pytest.fixture
def home(sites: tuple[Site, Site, Site]) -> Site:
    return sites[0]


@pytest.fixture
def courier(sites: tuple[Site, Site, Site]) -> Site:
    return sites[1]


@pytest.fixture
def other(sites: tuple[Site, Site, Site]) -> Site:
    return sites[2]


@pytest.fixture
def provider() -> ModelProvider:
    return ModelProvider()
