"""The evidence's files: which there are, and that the same result always has the same bytes."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys

import pytest

from fairmind_sync.evidence.files import Evidence, evidence_of
from fairmind_sync.results.plain_json import Json
from tests.conftest import CHECKOUT
from tests.results.examples import NAMES, example
from tests.support.values import saved_result

COUNTED_OFTEN: dict[str, Json] = {
    "tpr": 0.5,
    "n": 9,
    "count": 5,
    "support": 7,
    "size": 8,
    "sample_size": 3,
}
AGAIN = """
import json
from tests.evidence.test_files import digests
print(json.dumps(digests()))
"""


def digests() -> dict[str, str]:
    """Of the evidence of all examples, and of a result that states one thing by several words."""
    results = {name: example(name) for name in NAMES}
    results["counted often"] = {"by_group": {"a": COUNTED_OFTEN, "b": COUNTED_OFTEN}}
    return {name: evidence_of(saved_result(results=one)).digest for name, one in results.items()}


def names_of(evidence: Evidence) -> list[str]:
    return [one.name for one in evidence.files]


def test_the_evidence_of_groups_is_result_tables_and_report() -> None:
    found = evidence_of(saved_result(results={"tpr": {"a": 0.5, "b": 0.7}}))
    assert names_of(found) == ["result.json", "groups.json", "groups.csv", "report.html"]
    assert [one.content_type for one in found.files] == [
        "application/json",
        "application/json",
        "text/csv",
        "text/html",
    ]


def test_a_result_without_groups_and_metrics_has_no_tables() -> None:
    assert names_of(evidence_of(saved_result())) == ["result.json", "report.html"]


def test_less_evidence_is_the_result_alone() -> None:
    assert names_of(evidence_of(saved_result(), "result")) == ["result.json"]


def test_no_evidence_is_nothing() -> None:
    assert evidence_of(saved_result(), "none") == Evidence()
    assert Evidence().digest == ""


def test_a_hash_is_that_of_the_content() -> None:
    for one in evidence_of(saved_result()).files:
        assert one.sha256 == hashlib.sha256(one.content).hexdigest()


def test_another_result_has_another_digest() -> None:
    digests = {evidence_of(saved_result(results={"a": number})).digest for number in (1, 2)}
    assert len(digests) == 2


@pytest.mark.system
def test_another_process_makes_the_same_bytes() -> None:
    """With other hashes of texts, so with other orders of sets."""
    expected = digests()
    for seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": seed, "TZ": "Asia/Kolkata"}
        ran = subprocess.run(
            [sys.executable, "-c", AGAIN],
            env=env,
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(ran.stdout) == expected
