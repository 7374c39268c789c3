"""What doctor tells of MLflow's settings."""

from __future__ import annotations

import pytest

from fairmind_sync.providers.mlflow.own_settings import remarks
from fairmind_sync.settings import Settings
from tests.standins.impostor import impostor
from tests.standins.loopback import Reply


def version(text: str) -> Reply:
    return Reply(text.encode(), content_type="text/plain")


@pytest.mark.parametrize("uri", ["./mlruns", "file:///a", "/abs/mlruns"])
def test_a_folder_is_told_with_what_mlflow_says_of_it(uri: str) -> None:
    (remark,) = remarks(Settings(mlflow_tracking_uri=uri))
    assert ("maintenance mode" in remark.detail, remark.is_wrong) == (True, False)


@pytest.mark.parametrize("uri", ["sqlite:///a.db", "http://h", "databricks", "databricks://p"])
def test_of_what_is_no_folder_nothing_is_told(uri: str) -> None:
    assert list(remarks(Settings(mlflow_tracking_uri=uri))) == []


@pytest.mark.parametrize(
    ("public", "is_wrong"), [("3.17.2", False), ("3.1.0", True), ("<html>sign in", True)]
)
def test_a_public_url_is_compared(public: str, is_wrong: bool) -> None:
    with impostor(version("3.17.2")) as own, impostor(version(public)) as other:
        (remark,) = remarks(Settings(mlflow_tracking_uri=own, mlflow_public_url=other))
    assert (other in remark.detail, remark.is_wrong) == (True, is_wrong)
