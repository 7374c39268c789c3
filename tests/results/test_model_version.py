"""A model's version is what the result names; an alias or a stage is none."""

from __future__ import annotations

from typing import Any

import pytest

from fairmind_sync.results.extraction import extract
from fairmind_sync.results.model_version import ModelVersion, model_version_of
from fairmind_sync.results.run_description import describe, page_of
from tests.support.values import saved_result


@pytest.mark.parametrize(
    ("model_id", "metadata", "found"),
    [
        ("m", {"model_uri": "models:/credit/3"}, ModelVersion("credit", "3")),
        ("models:/credit/3", {}, ModelVersion("credit", "3")),
        ("m", {"model_version": "3"}, ModelVersion("m", "3")),
        ("m", {"model_version": 3}, ModelVersion("m", "3")),
        ("m", {"model_name": "credit", "model_version": "3"}, ModelVersion("credit", "3")),
        (
            "m",
            {"registered_model_name": "credit", "registered_model_version": 3, "model_name": "x"},
            ModelVersion("credit", "3"),
        ),
        ("m", {"model_uri": "models:/credit@champion"}, None),
        ("m", {"model_uri": "models:/credit/Production"}, None),
        ("m", {"model_uri": "runs:/abc/model"}, None),
        ("m", {"model_version": True}, None),
        ("m", {"model_version": "", "registered_model_version": "3"}, ModelVersion("m", "3")),
        ("m", {"model_version": ["3"], "model_name": ""}, None),
        ("m", {"registered_model_uri": " models:/credit/3 "}, ModelVersion("credit", "3")),
        ("m", {}, None),
        ("", {"model_version": "3"}, None),
    ],
)
def test_a_version_is_what_the_result_names(
    model_id: str, metadata: dict[str, Any], found: ModelVersion | None
) -> None:
    assert model_version_of(saved_result(model_id=model_id, metadata=metadata)) == found


def test_a_version_is_a_tag_of_the_run() -> None:
    result = saved_result(model_id="credit", metadata={"model_version": "3"})
    assert extract(result, "p").tags["model_version"] == "credit/3"


def test_without_a_version_there_is_no_such_tag() -> None:
    assert "model_version" not in extract(saved_result(metadata={}), "p").tags


def test_the_description_links_to_the_results_own_page() -> None:
    result = saved_result(test_id="a b/c")
    page = page_of(result, "https://fairness.example")
    assert page == "https://fairness.example/result?test_id=a%20b%2Fc"
    assert f"({page})" in describe(extract(result, "p"), page)


def test_without_a_public_url_there_is_no_link() -> None:
    result = saved_result()
    assert page_of(result, None) is None
    assert "](" not in describe(extract(result, "p"), None)
