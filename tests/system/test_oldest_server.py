"""The oldest MLflow server that we deliver to, in an environment of its own: one whole run of each result."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairmind_sync.demo.tracking_server import tracking_server
from tests.providers.typical_results import TYPICAL
from tests.versions.tracking_servers import cells, lean_server

LOST = ("log_batch", None)
PLAIN_ONES = len(TYPICAL)
"""Other servers, other kinds of lost replies, and more results, are tried by `task versions`."""


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the server takes runs."""
    place = tmp_path_factory.mktemp("oldest")
    python = lean_server(place / "venv")
    with tracking_server(place, python=str(python)) as uri:
        yield uri


@pytest.mark.nightly
@pytest.mark.parametrize("lost", LOST)
def test_each_result_is_one_whole_run(uri: str, tmp_path: Path, lost: str | None) -> None:
    came = dict(cells(uri, tmp_path, Path(sys.executable), [lost], PLAIN_ONES))
    assert came == {str(lost): "whole"}
