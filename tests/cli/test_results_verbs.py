"""Saved results at the command line: listed, shown, counted and exported."""

from __future__ import annotations

import csv
import json
import os
import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine, update

from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import results_table
from tests.support.deliveries import delivered, save
from tests.support.processes import command

GROUPS = {"selection_rate": {"female": 0.25, "male": 0.5}}
RESULTS = {**GROUPS, "risk_level": "high", "metrics_failed": 1, "recommendations": ["more data"]}


@pytest.fixture
def env(engine: Engine) -> dict[str, str]:
    save(
        engine, test_id="one", user_id="ann", model_id="credit", dataset_id="loans", results=RESULTS
    )
    save(engine, test_id="two", results={"metrics_passed": 2})
    return {
        "MLOPS_PROVIDER": "mlflow",
        "FAIRMIND_SYNC_DATABASE_URL": engine.url.render_as_string(),
    }


def printed(env: dict[str, str], *words: str) -> str:
    return command("results", *words, env=env).stdout


def test_results_are_listed_with_their_verdicts(env: dict[str, str]) -> None:
    header, *lines = [line.split("\t") for line in printed(env, "list").splitlines()]
    listed = [dict(zip(header, line, strict=True)) for line in lines]
    assert [(one["test"], one["risk"], one["verdict"]) for one in listed] == [
        ("two", "", "passed"),
        ("one", "high", "failed"),
    ]


@pytest.mark.parametrize(
    "options",
    [["--user-id", "ann"], ["--model-id", "credit"], ["--dataset-id", "loans"], ["--risk", "high"]],
    ids=" ".join,
)
@pytest.mark.parametrize("verb", ["list", "export"])
def test_options_choose_results(env: dict[str, str], verb: str, options: list[str]) -> None:
    ids = [line.split("\t")[0].split(",")[0] for line in printed(env, verb, *options).splitlines()]
    assert ids[1:] == ["one"]


def exit_code(env: dict[str, str], *words: str) -> int:
    return command("results", "list", *words, env=env, check=False).returncode


def test_a_check_fails_if_one_of_the_chosen_failed_listed_or_not(env: dict[str, str]) -> None:
    codes = [exit_code(env, *more) for more in ((), ("--check",), ("--check", "--limit", "1"))]
    codes.append(exit_code(env, "--check", "--model-id", "model-1"))
    assert codes == [0, 1, 1, 0]


def test_how_many_more_results_there_are_is_told(env: dict[str, str]) -> None:
    told = command("results", "list", "--limit", "1", env=env).stderr
    assert told == "1 of 2 results, the newest first; more with --limit\n"


def test_a_result_is_shown_with_its_groups_and_where_it_is(
    env: dict[str, str], engine: Engine
) -> None:
    shown = printed(env, "show", "one").splitlines()
    stated = [line for line in shown if line.startswith(("  risk", "  verdict", "- "))]
    assert stated == ["  risk      high", "  verdict   failed", "- more data"]
    assert "selection rate\t\tfemale\t0.25\tmale\t-0.25\t0.5\t\t" in shown


def test_numbers_on_the_whole_test_are_shown_beside_groups(
    env: dict[str, str], engine: Engine
) -> None:
    save(engine, test_id="both", results={**GROUPS, "accuracy": 0.87, "bias_detected": True})
    shown = printed(env, "show", "both").split("\n\n")[1]
    assert shown.splitlines() == ["overall\tvalue", "accuracy\t0.87", "bias detected\tyes"]


def test_a_delivered_result_is_shown_with_its_url(env: dict[str, str], engine: Engine) -> None:
    test_id = delivered(engine).result.test_id
    assert "  mlflow    delivered https://provider.example/run-1\n" in printed(env, "show", test_id)


def test_each_revision_can_be_shown(env: dict[str, str], engine: Engine) -> None:
    save(engine, test_id="two", results={"metrics_failed": 1})
    shown = [printed(env, "show", "two", *which) for which in ([], ["--revision", "1"])]
    assert [(one.splitlines()[0], "  verdict   passed" in one) for one in shown] == [
        ("two, revision 2 of 2", False),
        ("two, revision 1 of 2", True),
    ]


def test_results_are_counted(env: dict[str, str]) -> None:
    assert printed(env, "stats").splitlines() == [
        "2 results; 66.67 % of the metrics passed",
        "by\tis\tresults",
        "risk\thigh\t1",
        "risk\tunknown\t1",
        "type\tml_bias\t2",
        "metrics\tpassed\t2",
        "metrics\tfailed\t1",
    ]


def test_csv_has_a_row_for_each_result(env: dict[str, str], tmp_path: Path) -> None:
    assert printed(env, "export", "-o", "all.csv") == "wrote 2 results to all.csv\n"
    with (tmp_path / "all.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    assert [*first][:11] == [
        *("id", "user", "model", "dataset", "type", "tested", "risk", "verdict"),
        *("passed", "failed", "removed"),
    ]
    assert (first["id"], first["verdict"], second["id"]) == ("one", "failed", "two")


def test_csv_has_a_column_for_each_metric_as_runs_name_it(
    env: dict[str, str], engine: Engine
) -> None:
    save(engine, test_id="old", results={"selection_rate": {"50+": 0.5, "<25": 0.25}})
    header, *lines = csv.reader(printed(env, "export").splitlines())
    assert (header[11:], [line[11:] for line in lines]) == (
        [
            *("metrics_failed", "metrics_passed", "selection_rate/50_plus"),
            *("selection_rate/female", "selection_rate/lt_25", "selection_rate/male"),
        ],
        [
            ["1.0", "", "", "0.25", "", "0.5"],
            ["", "2.0", "", "", "", ""],
            ["", "", "0.5", "", "0.25", ""],
        ],
    )


def test_a_metric_that_is_called_as_a_column_gets_a_name_of_its_own(
    env: dict[str, str], engine: Engine
) -> None:
    save(engine, test_id="flag", results={"passed": True})
    header = printed(env, "export").splitlines()[0].split(",")
    assert (header.count("passed"), header.count("passed (metric)")) == (1, 1)


def test_csv_holds_no_formula(env: dict[str, str], engine: Engine) -> None:
    save(engine, test_id="=1+1")
    assert printed(env, "export").splitlines()[-1].startswith("'=1+1,")


@pytest.mark.parametrize(
    "options", [["-o", "all.jsonl"], ["--format", "jsonl", "-o", "all"]], ids=" ".join
)
def test_json_lines_hold_the_whole_content(
    env: dict[str, str], tmp_path: Path, options: list[str]
) -> None:
    printed(env, "export", *options)
    first, _ = (tmp_path / options[-1]).read_text().splitlines()
    assert json.loads(first)["results"] == RESULTS


def test_json_lines_are_json_whatever_a_number_is(env: dict[str, str], engine: Engine) -> None:
    save(engine, test_id="odd", results={"disparate_impact": float("nan")})
    assert '"disparate_impact": "NaN"' in printed(env, "export", "--json")


def test_an_export_that_fails_leaves_no_file(
    env: dict[str, str], engine: Engine, tmp_path: Path
) -> None:
    with writing(engine) as connection:
        connection.execute(update(results_table).values(removed="no JSON"))
    ended = command("results", "export", "-o", "all.csv", env=env, check=False)
    assert (ended.returncode, [*tmp_path.glob("all.csv*")]) == (1, [])


def test_an_export_goes_through_a_link(env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "link.csv").symlink_to("behind.csv")
    printed(env, "export", "-o", "link.csv")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "behind.csv").read_text().splitlines()[1].startswith("one,")


def test_an_export_goes_into_a_pipe(env: dict[str, str], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    read: list[str] = []
    pipe = tmp_path / "pipe"
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()), daemon=True)
    reader.start()
    printed(env, "export", "-o", "pipe")
    assert pipe.is_fifo()
    reader.join()
    assert read[0].splitlines()[1].startswith("one,")


def checked(env: dict[str, str], *words: str) -> tuple[int, str]:
    ended = command("results", "list", "--check", *words, env=env, check=False)
    return ended.returncode, ended.stderr


def test_a_check_of_no_result_fails_and_says_so(env: dict[str, str]) -> None:
    code, said = checked(env, "--model-id", "nothere")
    assert code == 1
    assert "fairmind-sync: no result matches, so nothing was checked. " in said


def test_a_check_of_results_without_a_verdict_fails_and_says_so(
    env: dict[str, str], engine: Engine
) -> None:
    save(engine, test_id="odd", model_id="odd", results={"accuracy": 0.9})
    code, said = checked(env, "--model-id", "odd")
    assert code == 1
    assert (
        "fairmind-sync: no result that matches states a verdict, so nothing was checked. " in said
    )


def test_a_result_without_a_verdict_fails_no_check_beside_one_that_passed(
    env: dict[str, str], engine: Engine
) -> None:
    save(engine, test_id="odd", dataset_id="odd", results={"accuracy": 0.9})
    save(engine, test_id="good", dataset_id="odd", results={"metrics_passed": 1})
    assert checked(env, "--dataset-id", "odd") == (0, "")
