"""The oldest MLflow server that we deliver to, in an environment of its own: one whole run of each result."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairmind_sync.demo.tracking_server import tracking_server
from tests.providers.typical_results import TYPICAL
from tests.versions.tracking_servers import cells, lean_server

LOST = (None, "log_batch")
PLAIN_ONES = len(TYPICAL)
"""Other kinds of lost replies, and more results, are tried by `task versions`."""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What came of the given results, by the kind of reply that was lost."""
    place = tmp_path_factory.mktemp("oldest")
    python = lean_server(place / "venv")
    with tracking_server(place, python=str(python)) as uri:
        yield dict(cells(uri, place, Path(sys.executable), LOST, PLAIN_ONES))


@pytest.mark.parametrize("lost", [str(kind) for kind in LOST])
def test_each_result_is_one_whole_run(outcomes: dict[str, str], lost: str) -> None:
    assert outcomes[lost] == "whole"
