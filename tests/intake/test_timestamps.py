"""When a result was tested: given with it, or else the moment of its save."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from fairmind_sync import bias_test_results, mlops_integration
from fairmind_sync.errors import PayloadError
from fairmind_sync.intake.fairmind_files import _read
from fairmind_sync.intake.json_lines import parse
from fairmind_sync.intake.timestamps import when_tested
from fairmind_sync.storage.tables import results_table
from tests.support.databases import rows
from tests.support.documents import DOCS

ONE: dict[str, Any] = {"test_id": "one", "model_id": "m", "test_type": "t", "results": {"a": 1}}
OCTOBER = datetime(2026, 10, 31, 12, tzinfo=UTC)
EXAMPLES = re.findall(
    r"^```json\n(.*?)^```",
    (DOCS / "reference" / "results.md").read_text("utf-8"),
    re.MULTILINE | re.DOTALL,
)


@pytest.mark.parametrize(
    "timestamp",
    [
        *("2026-10-31T12:00:00Z", "2026-10-31T13:00+01:00", "2026-10-31 12:00"),
        datetime.fromisoformat("2026-10-31T13:00+01:00"),
    ],
)
def test_a_time_is_a_text_or_a_datetime(timestamp: object) -> None:
    assert when_tested(timestamp) == OCTOBER


@pytest.mark.parametrize("timestamp", ["yesterday", 7, "", True])
def test_what_is_no_time_is_refused(timestamp: object) -> None:
    with pytest.raises(PayloadError, match="is no ISO 8601 time"):
        when_tested(timestamp)


def test_a_datetime_without_a_zone_is_refused() -> None:
    with pytest.raises(PayloadError, match="has no time zone"):
        when_tested(datetime(2026, 10, 31, 12))  # noqa: DTZ001 this is what is refused


@pytest.mark.parametrize(
    "moment",
    [
        datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-5))),
        datetime(1, 1, 1, 1, tzinfo=timezone(timedelta(hours=5))),
    ],
)
def test_a_datetime_that_utc_does_not_have_is_refused(moment: datetime) -> None:
    with pytest.raises(PayloadError, match="is no ISO 8601 time"):
        when_tested(moment)


def test_a_line_may_say_when_its_result_was_tested() -> None:
    lines = [ONE, ONE | {"timestamp": "2026-10-31T12:00:00Z"}]
    parsed = parse("\n".join(map(json.dumps, lines)), ())
    assert [one.created_at for one in parsed] == [None, OCTOBER]


def test_a_line_with_a_wrong_time_is_named() -> None:
    with pytest.raises(PayloadError, match=r"^result 1: its timestamp 'x' is no ISO 8601 time"):
        parse(json.dumps(ONE | {"timestamp": "x"}), ())


def test_a_call_may_say_when_its_result_was_tested(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAIRMIND_SYNC_DATABASE_URL", engine.url.render_as_string())
    monkeypatch.setenv("MLOPS_PROVIDER", "mlflow")
    given = ONE | {"user_id": None, "dataset_id": None, "timestamp": OCTOBER}
    bias_test_results.save_test_result_sync(**given)
    mlops_integration.log_bias_test(**ONE | {"test_id": "two", "timestamp": OCTOBER}, wait=0)
    assert [row.created_at for row in rows(engine, results_table)] == [OCTOBER, OCTOBER]


def test_both_examples_of_the_reference_are_the_same_result(tmp_path: Path) -> None:
    line, record = EXAMPLES
    file = tmp_path / "ann" / "credit-2026-10.json"
    file.parent.mkdir()
    file.write_text(record, encoding="utf-8")
    (saved,) = parse(line, ())
    assert (saved, saved.verdict.word) == (_read(file, ()), "failed")
