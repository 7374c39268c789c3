"""The verbs that change what becomes of deliveries, and what a user's mistake looks like."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine

from fairmind_sync.clock import utc_now
from fairmind_sync.outbox import provider_state
from fairmind_sync.storage.engine import reading, writing
from fairmind_sync.storage.tables import outbox_table, results_table
from tests.support.databases import rows
from tests.support.deliveries import RUN, claimed, dead, delivered, save
from tests.support.processes import COMMAND, command

RECORD = {"id": "t1", "model_id": "m", "test_type": "ml_bias", "results": {"accuracy": 0.85}}
IN_NO_STATE = "no such delivery is in a state for it. See: fairmind-sync runs"
NOT_TAKEN = "mlflow did not take it, and it won't be tried again by itself."
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-7]")


@pytest.fixture
def env(engine: Engine) -> dict[str, str]:
    return {
        "MLOPS_PROVIDER": "mlflow",
        "FAIRMIND_SYNC_DATABASE_URL": engine.url.render_as_string(),
        "COLUMNS": "200",
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "test_results" / "alice").mkdir(parents=True)
    return tmp_path / "test_results"


def run(env: dict[str, str], *arguments: str) -> tuple[int, str]:
    """The exit code, and what is printed: on standard error unless it went well."""
    ran = command(*arguments, env=env, check=False)
    return ran.returncode, ran.stdout if ran.returncode == 0 else ran.stderr


def put(folder: Path, name: str, record: object) -> Path:
    file = folder / "alice" / name
    file.write_text(json.dumps(record))
    return file


def statuses(engine: Engine) -> list[str]:
    return [row.status for row in rows(engine, outbox_table)]


def is_paused(engine: Engine) -> bool:
    with reading(engine) as connection:
        return provider_state.read(connection, "mlflow").is_paused


def test_import_says_what_it_did(env: dict[str, str], folder: Path) -> None:
    put(folder, "t1.json", RECORD)
    assert run(env, "import", str(folder)) == (
        0,
        "1 file: saved 1, 0 were there already, 0 refused\n",
    )


def test_import_fails_where_a_file_is_refused_and_names_it(
    env: dict[str, str], folder: Path
) -> None:
    put(folder, "t1.json", RECORD)
    wrong = put(folder, "t2.json", [])
    assert run(env, "import", str(folder)) == (1, f"  {wrong}: it is no JSON object.\n")


def test_import_saves_the_others(env: dict[str, str], folder: Path, engine: Engine) -> None:
    put(folder, "t1.json", RECORD)
    put(folder, "t2.json", [])
    run(env, "import", str(folder))
    assert [row.test_id for row in rows(engine, results_table)] == ["t1"]


def test_import_owes_the_results_to_the_providers(
    env: dict[str, str], folder: Path, engine: Engine
) -> None:
    run(env, "import", str(put(folder, "t1.json", RECORD)))
    assert statuses(engine) == ["pending"]


def test_import_can_leave_deliveries_out(env: dict[str, str], folder: Path, engine: Engine) -> None:
    run(env, "import", "--no-deliver", str(put(folder, "t1.json", RECORD)))
    assert statuses(engine) == []


def test_backfill_says_how_many_are_on_their_way(env: dict[str, str], engine: Engine) -> None:
    save(engine)
    assert run(env, "backfill", "--provider", "mlflow") == (
        0,
        "1 result is now on the way to mlflow\n",
    )


@pytest.mark.parametrize(
    ("since", "expected"), [("2026-03-04", 1), ("2026-03-04T05:06:08", 0), ("2026-03-05", 0)]
)
def test_backfill_begins_at_a_date(
    env: dict[str, str], engine: Engine, since: str, expected: int
) -> None:
    save(engine)
    run(env, "backfill", "--provider", "mlflow", "--since", since)
    assert len(statuses(engine)) == expected


def test_backfill_to_a_provider_that_is_not_enabled_says_what_to_set(env: dict[str, str]) -> None:
    assert run(env, "backfill", "--provider", "wandb") == (
        1,
        "fairmind-sync: wandb is not enabled: add it to MLOPS_PROVIDER first.\n",
    )


def test_explain_says_why_and_what_to_do(env: dict[str, str], engine: Engine) -> None:
    delivery = dead(engine)
    code, shown = run(env, "explain", delivery.result.test_id)
    assert (code, shown.splitlines()[:4]) == (
        0,
        [
            f"mlflow, delivery 1 of test {delivery.result.test_id}: dead. {NOT_TAKEN}",
            "  last error: the provider refuses this result: it is too large",
            "  cause:      it is too large",
            "  what to do: Fix the reason, then run: fairmind-sync retry 1",
        ],
    )


def test_explain_shows_each_attempt(env: dict[str, str], engine: Engine) -> None:
    shown = run(env, "explain", dead(engine).result.test_id)[1]
    assert ("2026-03-04 05:06:07" in shown, "dead" in shown.splitlines()[-1]) == (True, True)


def test_explain_says_when_the_next_try_is(env: dict[str, str], engine: Engine) -> None:
    save(engine, "mlflow", test_id="t")
    assert "  next try:   2026-03-04 05:06:07 UTC\n" in run(env, "explain", "t")[1]


def test_explain_of_an_unknown_test_fails(env: dict[str, str]) -> None:
    assert run(env, "explain", "t") == (
        1,
        "fairmind-sync: no test, delivery or run 't' is known here. See: fairmind-sync runs, and backfill\n",
    )


def test_what_a_provider_sends_does_not_steer_the_terminal(
    env: dict[str, str], engine: Engine
) -> None:
    delivery = dead(engine, "\x1b]0;owned\x07")
    assert "\x1b" not in run(env, "explain", delivery.result.test_id)[1]


@pytest.mark.parametrize("chosen", [["1"], ["--provider", "mlflow"], ["1", "2"]])
def test_retry_returns_dead_deliveries_to_pending(
    env: dict[str, str], engine: Engine, chosen: list[str]
) -> None:
    dead(engine)
    assert (run(env, "retry", *chosen)[0], statuses(engine)) == (0, ["pending"])


def test_retry_can_be_of_one_test(env: dict[str, str], engine: Engine) -> None:
    test_ids = [dead(engine).result.test_id for _ in range(2)]
    shown = run(env, "retry", "--test-id", test_ids[0])
    assert (shown, statuses(engine)) == ((0, "retried 1 of 1 delivery\n"), ["pending", "dead"])


@pytest.mark.parametrize("chosen", [["1"], ["77"]])
def test_retry_of_nothing_dead_fails(
    env: dict[str, str], engine: Engine, chosen: list[str]
) -> None:
    delivered(engine)
    told = f"fairmind-sync: nothing was retried: {IN_NO_STATE}\n"
    assert run(env, "retry", *chosen) == (1, told)


def test_discard_gives_up_what_is_dead_or_pending(env: dict[str, str], engine: Engine) -> None:
    dead(engine)
    save(engine, "mlflow")
    run(env, "discard", "1", "2", "--reason", "withdrawn")
    assert [row.last_error for row in rows(engine, outbox_table)] == ["withdrawn"] * 2


@pytest.mark.parametrize(
    ("chosen", "left"),
    [([], ["discarded", "pending"]), (["--status", "pending"], ["dead", "discarded"])],
)
def test_discard_of_all_that_match_means_the_dead_unless_told_otherwise(
    env: dict[str, str], engine: Engine, chosen: list[str], left: list[str]
) -> None:
    dead(engine)
    save(engine, "mlflow")
    run(env, "discard", "--provider", "mlflow", *chosen, "--reason", "withdrawn")
    assert statuses(engine) == left


def test_discard_says_how_many(env: dict[str, str], engine: Engine) -> None:
    dead(engine)
    delivered(engine)
    assert run(env, "discard", "1", "2", "--reason", "why") == (
        0,
        "discarded 1 of 2 deliveries\n",
    )


def test_discard_leaves_what_is_being_sent(env: dict[str, str], engine: Engine) -> None:
    claimed(engine, now=utc_now())
    assert (run(env, "discard", "1", "--reason", "why")[0], statuses(engine)) == (1, ["pending"])


def test_pause_holds_deliveries_back_and_says_how_to_go_on(
    env: dict[str, str], engine: Engine
) -> None:
    shown = run(env, "pause", "mlflow")
    assert (shown, is_paused(engine)) == (
        (0, "mlflow is paused. To go on: fairmind-sync resume mlflow\n"),
        True,
    )


def test_pausing_twice_is_no_mistake(env: dict[str, str]) -> None:
    assert [run(env, "pause", "mlflow")[0] for _ in range(2)] == [0, 0]


def test_resume_ends_a_pause(env: dict[str, str], engine: Engine) -> None:
    with writing(engine) as connection:
        provider_state.pause(connection, "mlflow", utc_now())
    assert (run(env, "resume", "mlflow")[0], is_paused(engine)) == (0, False)


def test_a_url_of_a_delivered_run_is_printed(env: dict[str, str], engine: Engine) -> None:
    delivered(engine)
    assert run(env, "url", "mlflow", RUN.id) == (0, f"{RUN.url}\n")


def test_a_backup_is_checked_whatever_its_name(env: dict[str, str], tmp_path: Path) -> None:
    run(env, "db", "backup", str(tmp_path / "copy?mode=ro"))
    assert [file.name for file in tmp_path.glob("copy*")] == ["copy?mode=ro"]


@pytest.mark.parametrize(("no_colour", "is_coloured"), [("", True), ("1", False)])
def test_no_color_is_honoured(env: dict[str, str], no_colour: str, *, is_coloured: bool) -> None:
    on_terminal = {"FORCE_COLOR": "1", "TERM": "xterm", "NO_COLOR": no_colour}
    shown = run(env | on_terminal, "pause", "neptune")[1]
    assert bool(COLOUR.search(shown)) == is_coloured


def test_verbs_are_completed_in_a_shell(env: dict[str, str]) -> None:
    ran = subprocess.run(
        [Path(sys.executable).with_name("fairmind-sync")],
        env={
            **os.environ,
            **env,
            "_FAIRMIND_SYNC_COMPLETE": "complete_bash",
            "COMP_WORDS": "fairmind-sync re",
            "COMP_CWORD": "1",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert {*ran.stdout.split()} == {"report", "results", "retry", "resume"}


def test_standard_input_that_is_no_text_is_one_line(env: dict[str, str]) -> None:
    ran = subprocess.run(
        [*COMMAND, "save", "-"],
        env={**os.environ, **env, "PYTHONIOENCODING": "utf-8:strict"},
        input=b"\xff",
        capture_output=True,
        check=False,
        timeout=240,
    )
    assert (ran.returncode, ran.stderr.count(b"\n")) == (1, 1)
