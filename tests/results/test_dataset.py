"""The dataset is what the result names, and nothing is made up."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from fairmind_sync.results.dataset import Dataset, dataset_of
from tests.support.values import saved_result

SHA = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


@pytest.mark.parametrize(
    ("dataset_id", "metadata", "found"),
    [
        ("adult", {}, Dataset("adult", "not-given", "")),
        ("adult", {"dataset_digest": SHA}, Dataset("adult", SHA, "")),
        ("adult", {"data_hash": "ab12"}, Dataset("adult", "ab12", "")),
        ("", {"dataset": "adult"}, Dataset("adult", "not-given", "")),
        ("", {"dataset_name": "adult"}, Dataset("adult", "not-given", "")),
        (
            "",
            {"dataset": {"name": "adult", "sha256": "ab12", "uri": "s3://b/adult.csv"}},
            Dataset("adult", "ab12", "s3://b/adult.csv"),
        ),
        ("adult", {"dataset_source": "openml"}, Dataset("adult", "not-given", "openml")),
        (
            "",
            {"dataset": {"id": "adult", "url": "https://h/a.csv"}},
            Dataset("adult", "not-given", "https://h/a.csv"),
        ),
        ("adult", {"dataset_digest": "", "data_md5": "ab12"}, Dataset("adult", "ab12", "")),
        (
            "adult",
            {"dataset_hash": 5, "dataset_path": "a.csv"},
            Dataset("adult", "not-given", "a.csv"),
        ),
        (
            "adult",
            {"dataset": {"digest": "in"}, "dataset_digest": "out"},
            Dataset("adult", "out", ""),
        ),
        ("", {}, None),
        ("", {"dataset": 3}, None),
    ],
)
def test_a_dataset_is_what_the_result_names(
    dataset_id: str, metadata: dict[str, Any], found: Dataset | None
) -> None:
    assert dataset_of(saved_result(dataset_id=dataset_id, metadata=metadata)) == found


def test_a_digest_that_fits_stays() -> None:
    assert Dataset("d", "ab12", "").digest_within(36) == "ab12"


def test_a_digest_that_is_too_long_is_hashed() -> None:
    expected = hashlib.sha256(SHA.encode()).hexdigest()[:36]
    assert Dataset("d", SHA, "").digest_within(36) == expected
    assert Dataset("d", SHA, "").digest_within(64) == SHA


def test_a_digest_of_half_a_character_is_hashed_too() -> None:
    assert len(Dataset("d", "\ud800" * 37, "").digest_within(36)) == 36
