"""What W&B gets beside a run's numbers: files, what points to them, group, job type and notes."""

from __future__ import annotations

import hashlib
from typing import Any

from fairmind_sync.providers.wandb.content import WandbContent, content_of
from fairmind_sync.providers.wandb.run_files import files_of, md5
from tests.support.values import delivery, saved_result


def content(**changes: Any) -> WandbContent:
    return content_of(delivery(**changes), "a-project")


def test_what_is_missing_or_otherwise_at_w_and_b_is_named() -> None:
    files = files_of(saved_result(), "full")
    held = {name: md5(content) for name, content in files.contents.items()}
    assert files.missing_in(held) == []
    held["evidence/result.json"] = md5(b"edited")
    del held["media/html/evidence/report.html"]
    assert files.missing_in(held) == ["evidence/result.json", "media/html/evidence/report.html"]


def test_report_and_table_are_pointed_to_in_the_row() -> None:
    made = content(results={"tpr": {"a": 0.5, "b": 0.6}})
    report, table = made.row["evidence/report"], made.row["evidence/groups"]
    assert (report["_type"], report["path"]) == (
        "html-file",
        "media/html/evidence/report.html",
    )
    assert (table["_type"], table["path"], table["nrows"], table["ncols"]) == (
        "table-file",
        "media/table/evidence/groups.table.json",
        2,
        12,
    )
    assert table["log_mode"] == "IMMUTABLE"
    for pointer in (report, table):
        held = made.files.contents[pointer["path"]]
        assert pointer["sha256"] == hashlib.sha256(held).hexdigest()
        assert pointer["size"] == len(held)


def test_a_run_is_grouped_by_its_model_and_its_job_is_the_kind_of_test() -> None:
    made = content(model_id="m" * 200, test_type="ml_bias")
    assert (len(made.group), made.group[:3], made.job_type) == (128, "mmm", "ml_bias")


def test_the_notes_are_the_description() -> None:
    assert content(test_id="t").description.startswith("Bias test **model-1 - ml_bias - t** of")
