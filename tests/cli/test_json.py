"""With --json every verb prints what a program may rely on: these keys, and no others."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.support.deliveries import dead, delivered, save
from tests.support.partner import LINE, handed_over, partner_trusted
from tests.support.processes import COMMAND, PATIENCE_S, command, eventually

Setup = Callable[[Engine], object]


@dataclass(frozen=True)
class Verb:
    """How a verb is called over what, and what it prints; `keys` are of the object or of each of a list."""

    arguments: tuple[str, ...]
    keys: tuple[str, ...]
    code: int = 0
    setup: Setup = delivered


DELIVERY = (
    *("id", "test_id", "revision", "user_id", "model_id", "test_type", "provider", "status"),
    *("attempts", "run_id", "run_url", "destination", "due_at", "last_error_kind", "last_error"),
    *("created_at", "finished_at", "lease_expires_at"),
    *("evidence_state", "evidence_reason", "evidence_due_at", "cause"),
)
ATTEMPT = ("started_at", "finished_at", "outcome", "error_kind", "error")
PROVIDER = (
    *(
        "enabled",
        "state",
        "reason",
        "since",
        "paused_at",
        "pending",
        "handed_over",
        "delivered",
        "dead",
        "discarded",
    ),
    *("evidence_missing", "oldest_pending_at", "last_success_at", "next_probe_at"),
    *("next_steps", "dead_causes"),
)
RECORD = (
    *("id", "user_id", "model_id", "dataset_id", "test_type", "timestamp", "created_at"),
    *("overall_risk", "metrics_passed", "metrics_failed", "summary"),
    *("results", "recommendations", "metadata", "revision"),
)
CHANGED = ("changed", "unchanged")
VERBS = {
    "save": Verb(("save", "result.json"), ("saved", "unchanged")),
    "import": Verb(("import", "results"), ("files", "saved", "unchanged", "refused"), code=1),
    "backfill": Verb(("backfill", "--provider", "mlflow"), ("provider", "enqueued")),
    "status": Verb(
        ("status",), ("database", "daemon_alive", "wrong_settings", "undecided", "providers")
    ),
    "runs": Verb(("runs",), DELIVERY),
    "url": Verb(("url", "mlflow", "run-1"), ("urls",)),
    "url of a test": Verb(("url", "--test-id", "t"), ("urls",), code=1),
    "explain": Verb(
        ("explain", "known"),
        (
            *("delivery", "attempts", "state", "last_error", "next_try", "what_to_do", "evidence"),
            *("hand_over", "remedy"),
        ),
        setup=lambda engine: save(engine, "mlflow", test_id="known"),
    ),
    "help-for": Verb(("help-for", "webhook.refused"), ("message", "what_to_do", "others")),
    "help-for what is not known": Verb(
        ("help-for", "hello"), ("message", "what_to_do", "others"), code=1
    ),
    "evidence": Verb(("evidence",), ("asked_for", "retried", "lacking")),
    "report": Verb(
        ("report", "known"),
        ("test_id", "revision", "html"),
        setup=lambda engine: save(engine, "mlflow", test_id="known"),
    ),
    "results list": Verb(
        ("results", "list"),
        (
            *("test_id", "revision", "user_id", "model_id", "dataset_id", "test_type", "saved_at"),
            *("risk", "verdict", "metrics_passed", "metrics_failed", "removed"),
        ),
    ),
    "results show": Verb(
        ("results", "show", "known"),
        (*RECORD, "passed"),
        setup=lambda engine: save(engine, "mlflow", test_id="known"),
    ),
    "results models": Verb(
        ("results", "models"),
        (
            *("model_id", "test_id", "tested_at", "risk", "verdict"),
            *("than_before", "compared_type", "reasons"),
        ),
    ),
    "results stats": Verb(
        ("results", "stats"),
        (
            *("total_tests", "by_risk", "by_type"),
            *("total_metrics_tested", "metrics_passed", "metrics_failed", "pass_rate"),
        ),
    ),
    "results delete": Verb(
        ("results", "delete", "known", "--yes"),
        ("test_id", "user_id", "revisions"),
        setup=lambda engine: save(engine, "mlflow", test_id="known"),
    ),
    "results export": Verb(("results", "export"), (*RECORD, "verdict", "removed")),
    "results export to a file": Verb(
        ("results", "export", "-o", "results.csv"), ("file", "results")
    ),
    "retry": Verb(("retry", "1"), CHANGED, setup=dead),
    "retry without doing it": Verb(
        ("retry", "1", "--dry-run"), ("would_change", "unchanged", "providers"), setup=dead
    ),
    "retry of nothing": Verb(("retry", "77"), CHANGED, code=1),
    "discard": Verb(("discard", "1", "--reason", "why"), CHANGED, setup=dead),
    "pause": Verb(("pause", "mlflow"), ("provider", "changed")),
    "resume": Verb(("resume", "mlflow"), ("provider", "changed")),
    "doctor": Verb(("doctor",), ("check", "detail", "remedy", "is_warning", "ok"), code=1),
    "drain": Verb(
        ("drain",), ("left",), code=1, setup=lambda engine: save(engine, "mlflow", test_id="t")
    ),
    "bundle identity": Verb(("bundle", "identity"), ("name", "fingerprint", "line", "handed_over")),
    "bundle trust": Verb(("bundle", "trust", LINE), ("name", "fingerprint", "changed")),
    "bundle trusted": Verb(
        ("bundle", "trusted"),
        ("name", "fingerprint", "trusted_at", "handed_over"),
        setup=partner_trusted,
    ),
    "bundle distrust": Verb(
        ("bundle", "distrust", "partner"),
        ("name", "fingerprint", "handed_over"),
        setup=partner_trusted,
    ),
    "bundle export": Verb(
        ("bundle", "export", "out.bundle"),
        ("file", "bundle_key", "deliveries", "results", "bytes", "remaining", "too_large", "site"),
        setup=partner_trusted,
    ),
    "bundle receipts": Verb(
        ("bundle", "receipts", "back.bundle"),
        ("file", "bundle_key", "deliveries", "results", "bytes", "remaining", "too_large", "site"),
        setup=partner_trusted,
    ),
    "bundle import": Verb(("bundle", "import", "result.json"), ("read", "refused"), code=1),
    "bundle list": Verb(
        ("bundle", "list"),
        (
            *("direction", "kind", "bundle_key", "site", "site_name", "at", "deliveries", "file"),
            "out_still",
        ),
        setup=handed_over,
    ),
    "webhook test": Verb(
        ("webhook", "test"),
        ("taken", "status", "reason", "said", "signed", "seconds"),
        code=1,
    ),
    "db upgrade": Verb(("db", "upgrade"), ("schema", "backup")),
    "db backup": Verb(("db", "backup", "copy.db"), ("file", "damage")),
    "db check": Verb(("db", "check"), ("file", "damage")),
    "db compact": Verb(("db", "compact"), ("file", "bytes_before", "bytes")),
}


@pytest.fixture
def env(engine: Engine, tmp_path: Path) -> dict[str, str]:
    """The provider can't be reached; the files that verbs are given are there."""
    record = {"model_id": "m", "test_type": "ml_bias", "results": {"accuracy": 0.85}}
    (tmp_path / "result.json").write_text(json.dumps(record | {"test_id": "t"}))
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "wrong.json").write_text("[]")
    return {
        "MLOPS_PROVIDER": "mlflow",
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:1",
        "FAIRMIND_SYNC_WEBHOOK_URL": "http://127.0.0.1:1",
        "FAIRMIND_SYNC_DATABASE_URL": engine.url.render_as_string(),
    }


def printed(env: dict[str, str], *arguments: str) -> Any:
    return json.loads(command(*arguments, "--json", env=env, check=False).stdout)


def keys(value: Any) -> set[tuple[str, ...]]:
    """Of the object, or of each in the list."""
    return {tuple(one) for one in (value if isinstance(value, list) else [value])}


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_prints_its_keys_and_ends_with_its_code(
    env: dict[str, str], engine: Engine, name: str
) -> None:
    verb = VERBS[name]
    verb.setup(engine)
    ended = command(*verb.arguments, "--json", env=env, check=False)
    assert (ended.returncode, keys(json.loads(ended.stdout))) == (verb.code, {verb.keys})


def test_status_prints_each_provider(env: dict[str, str]) -> None:
    seen = printed(env, "status")["providers"]
    assert (set(seen), keys(list(seen.values()))) == ({"wandb", "mlflow"}, {PROVIDER})


def test_explain_prints_the_delivery_and_each_attempt(env: dict[str, str], engine: Engine) -> None:
    (one,) = printed(env, "explain", dead(engine).result.test_id)
    assert (keys(one["delivery"]), keys(one["attempts"])) == ({DELIVERY}, {ATTEMPT})


def test_import_prints_each_refused_file(env: dict[str, str]) -> None:
    assert keys(printed(env, "import", "results")["refused"]) == {("file", "reason")}


def test_a_drain_prints_what_is_left_of_each_provider(env: dict[str, str], engine: Engine) -> None:
    save(engine, "mlflow")
    assert printed(env, "drain") == {"left": {"mlflow": 1}}


def test_a_url_is_printed_in_a_list(env: dict[str, str], engine: Engine) -> None:
    delivered(engine)
    assert printed(env, "url", "mlflow", "run-1") == {"urls": ["https://provider.example/run-1"]}


def test_times_are_printed_in_iso_8601_with_their_zone(env: dict[str, str], engine: Engine) -> None:
    delivered(engine)
    assert printed(env, "runs")[0]["created_at"] == "2026-03-04T05:06:07+00:00"


def test_an_unknown_test_is_an_empty_explanation(env: dict[str, str]) -> None:
    assert printed(env, "explain", "unknown") == []


def test_run_prints_log_lines_as_json(env: dict[str, str], tmp_path: Path) -> None:
    with daemon_lines(env, tmp_path) as lines:
        eventually(lambda: any("daemon.ready" in line for line in lines()))
        assert all({"event", "level", "timestamp"} <= set(json.loads(line)) for line in lines())


@contextmanager
def daemon_lines(env: dict[str, str], tmp_path: Path) -> Iterator[Callable[[], list[str]]]:
    """What a daemon has logged that runs with --json, although its log is to be for people."""
    log = tmp_path / "log"
    more = {"FAIRMIND_SYNC_API_PORT": "0", "FAIRMIND_SYNC_LOG_FORMAT": "console"}
    with log.open("w") as output:
        daemon = subprocess.Popen(
            [*COMMAND, "run", "--json"], env={**os.environ, **env, **more}, stderr=output
        )
    try:
        yield lambda: log.read_text().splitlines()
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(timeout=PATIENCE_S)
