"""Verbs that list or change all deliveries that match, and those that only say what they would do."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from fairmind_sync.outbox import operator_log
from fairmind_sync.storage.engine import reading
from fairmind_sync.storage.tables import outbox_table
from tests.support.clock import NOW
from tests.support.databases import rows
from tests.support.deliveries import dead, save
from tests.support.processes import command

QUOTED = "no rights to 'fairness', run 0f3a"
DAY = timedelta(days=1)


@pytest.fixture
def env(engine: Engine) -> dict[str, str]:
    """Deliveries 1 and 2 are dead of two causes; 3 and 4 wait, of other users, types, risks and days."""
    dead(engine, "it is too large")
    dead(engine, QUOTED)
    save(engine, "mlflow", test_id="risky", now=NOW + DAY, results={"risk_level": "critical"})
    save(engine, "wandb", test_id="later", now=NOW + 2 * DAY, user_id="bob", test_type="llm_bias")
    return {
        "MLOPS_PROVIDER": "both",
        "FAIRMIND_SYNC_DATABASE_URL": engine.url.render_as_string(),
    }


def statuses(engine: Engine) -> list[str]:
    return [row.status for row in rows(engine, outbox_table)]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--user-id", "bob"], [4]),
        (["--test-type", "llm_bias"], [4]),
        (["--risk", "Critical"], [3]),
        (["--error", "TOO large"], [1]),
        (["--cause", "too large"], []),
        (["--cause", "it is too large"], [1]),
        (["--cause", QUOTED], [2]),
        (["--cause", "no rights to …, run …"], [2]),
        (["--cause", "no rights to ..., run ..."], [2]),
        (["--error-kind", "Rejected"], [2, 1]),
        (["--search", "ISK"], [3]),
        (["--since", "2026-03-05T06:00+01:00"], [4, 3]),
        (["--until", "2026-03-04"], [2, 1]),
        (["--provider", "wandb"], [4]),
        (["--status", "dead"], [2, 1]),
        (["--since", "1d"], []),
    ],
)
def test_runs_lists_what_the_options_choose(
    env: dict[str, str], options: list[str], expected: list[int]
) -> None:
    listed = json.loads(command("runs", *options, "--json", env=env).stdout)
    assert [one["id"] for one in listed] == expected


def test_how_many_more_there_are_is_told_beside_the_list(env: dict[str, str]) -> None:
    ended = command("runs", "--limit", "1", env=env)
    assert (ended.stdout.count("\n"), ended.stderr) == (
        2,
        "1 of 4 deliveries, the newest first; more with --limit\n",
    )


def test_where_all_are_listed_nothing_is_told(env: dict[str, str]) -> None:
    assert command("runs", "--limit", "4", env=env).stderr == ""


def test_that_nothing_matches_is_told(env: dict[str, str]) -> None:
    assert command("runs", "--user-id", "nobody", env=env).stderr == "no deliveries match\n"


def test_a_retry_of_one_cause_leaves_the_others(env: dict[str, str], engine: Engine) -> None:
    assert command("retry", "--error", "too large", env=env).stdout == "retried 1 of 1 delivery\n"
    assert statuses(engine) == ["pending", "dead", "pending", "pending"]


def test_what_was_chosen_by_options_is_kept_in_words(env: dict[str, str], engine: Engine) -> None:
    command("retry", "--provider", "mlflow", "--until", "2026-03-04", env=env)
    with reading(engine) as connection:
        (kept,) = operator_log.newest(connection, 5)
    assert (kept.count, kept.subject.startswith("dead deliveries at mlflow until")) == (2, True)


@pytest.mark.parametrize(
    ("verb", "told"),
    [
        (["retry", "--provider", "mlflow"], "2 of 2 deliveries (mlflow 2) would be retried"),
        (["retry", "1", "3"], "1 of 2 deliveries (mlflow 2) would be retried"),
        (
            ["discard", "--reason", "why", "1", "4"],
            "2 of 2 deliveries (mlflow 1, wandb 1) would be discarded",
        ),
        (
            ["discard", "--reason", "why", "--status", "pending", "--user-id", "bob"],
            "1 of 1 delivery (wandb 1) would be discarded",
        ),
    ],
)
def test_a_dry_run_says_what_would_change_and_changes_nothing(
    env: dict[str, str], engine: Engine, verb: list[str], told: str
) -> None:
    before = rows(engine, outbox_table)
    ended = command(*verb, "--dry-run", env=env)
    assert (ended.stdout.splitlines()[-1], rows(engine, outbox_table)) == (
        f"{told}; nothing was changed",
        before,
    )


@pytest.mark.parametrize(("options", "verb"), [([], "was"), (["--dry-run"], "would be")])
def test_that_nothing_is_chosen_is_no_wrong_state(
    env: dict[str, str], options: list[str], verb: str
) -> None:
    ended = command("retry", "--cause", "no such words", *options, env=env, check=False)
    told = f"nothing {verb} retried: no dead delivery has that cause. See: fairmind-sync status"
    assert (ended.returncode, ended.stderr) == (1, f"fairmind-sync: {told}\n")


def test_that_a_filter_chooses_nothing_is_told(env: dict[str, str]) -> None:
    ended = command("retry", "--user-id", "nobody", env=env, check=False)
    assert "nothing was retried: no dead delivery matches. See: fairmind-sync runs" in ended.stderr


@pytest.mark.parametrize("verb", [["status"], ["explain", "2"]], ids=str)
def test_a_cause_is_told_as_the_option_takes_it(env: dict[str, str], verb: list[str]) -> None:
    assert "no rights to …, run …" in command(*verb, env=env, check=False).stdout


def test_runs_as_json_have_each_cause(env: dict[str, str]) -> None:
    listed = json.loads(command("runs", "--json", env=env).stdout)
    causes = [None, None, "no rights to …, run …", "it is too large"]
    assert [one["cause"] for one in listed] == causes


def test_status_as_json_has_the_causes_of_each_provider(env: dict[str, str]) -> None:
    seen = json.loads(command("status", "--json", env=env, check=False).stdout)["providers"]
    causes = [
        {"error_kind": "rejected", "cause": "it is too large", "count": 1},
        {"error_kind": "rejected", "cause": "no rights to …, run …", "count": 1},
    ]
    found = sorted(seen["mlflow"]["dead_causes"], key=lambda one: one["cause"])
    assert (found, seen["wandb"]["dead_causes"]) == (causes, [])


def test_a_dry_run_is_no_action_of_an_operator(env: dict[str, str], engine: Engine) -> None:
    command("retry", "1", "--dry-run", env=env)
    with reading(engine) as connection:
        assert operator_log.newest(connection, 5) == []


def test_a_dry_run_lists_the_deliveries(env: dict[str, str]) -> None:
    listed = command("retry", "1", "2", "--dry-run", env=env).stdout.splitlines()[1:-1]
    assert [line.split("\t")[0] for line in listed] == ["1", "2"]


def test_ids_and_options_together_are_a_mistake(env: dict[str, str], engine: Engine) -> None:
    ended = command("retry", "1", "--provider", "mlflow", env=env, check=False)
    assert (ended.returncode, "not both" in ended.stderr) == (2, True)


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        (["runs"], "Only deliveries queued then or later"),
        (["discard"], "Only deliveries queued then or later"),
        (["results", "list"], "Only results tested then or later"),
        (["results", "export"], "Only results tested then or later"),
        (["backfill"], "Only results tested then or later"),
    ],
    ids=str,
)
def test_help_says_which_time_a_filter_is_of(
    env: dict[str, str], verb: list[str], words: str
) -> None:
    told = command(*verb, "--help", env=env | {"COLUMNS": "300"}).stdout
    assert words in told


def test_an_imported_result_was_tested_before_its_deliveries_were_queued(
    env: dict[str, str], engine: Engine, tmp_path: Path
) -> None:
    record = {"model_id": "m", "test_type": "t", "results": {}, "timestamp": "2025-10-31T00:00:00"}
    (tmp_path / "old.json").write_text(json.dumps(record))
    command("import", "old.json", env=env)
    of_result = command("results", "list", "--until", "2025-11-01", env=env).stdout
    of_runs = command("runs", "--test-id", "old", env=env).stdout
    header, line = (one.split("\t") for one in of_result.splitlines())
    assert (line[header.index("tested")], "queued" in of_runs.splitlines()[0]) == (
        "2025-10-31 00:00:00 UTC",
        True,
    )
