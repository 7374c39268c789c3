"""Times at the ends of the calendar are read whatever the server's time zone is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from fairmind_sync.storage.tables import results_table
from tests.support.databases import rows
from tests.support.deliveries import save


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    ("zone", "moment"),
    [
        ("Asia/Tokyo", datetime(9999, 12, 31, 23, tzinfo=UTC)),
        ("America/New_York", datetime(1, 1, 1, tzinfo=UTC) + timedelta(hours=1)),
    ],
)
def test_a_result_of_any_time_is_read_in_any_zone(
    engine: Engine, zone: str, moment: datetime
) -> None:
    with engine.begin() as connection:
        connection.execute(text(f"ALTER DATABASE {engine.url.database} SET timezone = '{zone}'"))
    engine.dispose()  # the setting is a new session's
    save(engine, "mlflow", created_at=moment)
    assert rows(engine, results_table)[0].created_at == moment
