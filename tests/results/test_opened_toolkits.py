"""What toolkits hand over as values of their own: polars' frames, fairlearn's MetricFrame."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from fairmind_sync.results.plain_json import Json, plain


def of(module: str, name: str, **members: Any) -> object:
    """An object that looks like the toolkit's; the toolkits themselves are not installed here."""
    return type(name, (), {"__module__": module, **members})()


FEMALE_AND_MALE = pd.Index(["female", "male"], name="sex")
BY_GROUP = pd.DataFrame({"tpr": [0.5, 0.75], "count": [4.0, 8.0]}, index=FEMALE_AND_MALE)
FEATURES = {"sensitive_levels": ["sex"], "control_levels": None}


def metric_frame(**members: Any) -> object:
    return of("fairlearn.metrics._metric_frame", "MetricFrame", **(FEATURES | members))


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (
            of(
                "polars.dataframe.frame",
                "DataFrame",
                to_dict=lambda _self, *, as_series: {"a": [1, 2.5], "as series": [as_series]},
            ),
            {"a": [1, 2.5], "as series": [False]},
        ),
        (of("polars.series.series", "Series", to_list=lambda _self: [1, None]), [1, None]),
        (
            metric_frame(by_group=BY_GROUP, overall=pd.Series({"tpr": 0.6, "count": 12.0})),
            {
                "overall": {"tpr": 0.6, "count": 12.0},
                "by_group": {
                    "tpr": {"female": 0.5, "male": 0.75},
                    "count": {"female": 4.0, "male": 8.0},
                },
                "sensitive_features": ["sex"],
            },
        ),
        (
            metric_frame(by_group=BY_GROUP["tpr"], overall=0.6),
            {
                "overall": {"tpr": 0.6},
                "by_group": {"tpr": {"female": 0.5, "male": 0.75}},
                "sensitive_features": ["sex"],
            },
        ),
    ],
    ids=["a frame", "a series", "several metrics", "one metric"],
)
def test_it_is_stored_as_what_it_holds(value: object, stored: Json) -> None:
    assert plain(value) == stored


def test_control_features_are_named_and_stand_before_the_groups() -> None:
    index = pd.MultiIndex.from_tuples([("low", "female"), ("low", "male")], names=["income", "sex"])
    frame = metric_frame(
        by_group=pd.DataFrame({"tpr": [0.5, 0.75]}, index=index),
        overall=pd.DataFrame({"tpr": [0.6]}, index=pd.Index(["low"], name="income")),
        control_levels=["income"],
    )
    assert plain(frame) == {
        "overall": {"tpr": {"low": 0.6}},
        "by_group": {"tpr": {"low, female": 0.5, "low, male": 0.75}},
        "sensitive_features": ["sex"],
        "control_features": ["income"],
    }
