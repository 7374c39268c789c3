"""A home and two couriers for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from fairmind_sync.handover import identity, partners
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


@pytest.fixture
def here(engine: Engine, courier: Site, tmp_path: Path) -> Site:
    """A site on the test's database, and the courier, which is on a file, trust each other."""
    key_file = tmp_path / "here" / "key"
    own = identity.rename(engine, identity.own_site(engine, key_file), "here")
    partners.trust(engine, own.public, courier.own.public)
    partners.trust(courier.engine, courier.own.public, own.public)
    return Site(engine, own, tmp_path / "here")
