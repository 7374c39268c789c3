"""What the tests of the REST API share: a client of an application over the test's own database."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from fairmind_sync.settings import Settings
from tests.api.test_endpoints import client_of


@pytest.fixture
def client(configured: Settings, engine: Engine) -> TestClient:
    return client_of(configured)


@pytest.fixture
def unusable(configured: Settings) -> Settings:
    """Settings whose database can't be made."""
    url = "sqlite:////proc/nowhere/results.db"
    return configured.model_copy(update={"database_url": url})
