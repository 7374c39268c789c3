"""Where W&B's runs go, who may send them, and what shapes them: what the SDK's look-ups say, no more."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.conftest import API_KEY
from tests.providers.test_wandb import WandbLab
from tests.standins.wandb import Fault, StandInWandb


@pytest.fixture
def lab(engine: Engine, wandb_standin: StandInWandb, tmp_path: Path) -> WandbLab:
    lab = WandbLab(engine, wandb_standin, tmp_path)
    lab.save()
    return lab


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o600)


def test_a_key_without_a_default_entity_finds_its_runs_where_they_were_put(lab: WandbLab) -> None:
    lab.standin.store.viewer_entity = None
    record = lab.drain()
    assert (record.status, record.destination) == ("delivered", "standin/fairmind-bias-detection")


def test_the_entity_of_a_settings_file_is_the_destination(lab: WandbLab, tmp_path: Path) -> None:
    write(tmp_path / "of-the-user/settings", "[default]\nentity = a-team\n")
    record = lab.drain(WANDB_CONFIG_DIR=str(tmp_path / "of-the-user"))
    assert (record.status, record.destination) == ("delivered", "a-team/fairmind-bias-detection")


def test_nothing_else_of_a_settings_file_shapes_a_run(lab: WandbLab, tmp_path: Path) -> None:
    text = "[default]\nrun_group = theirs\nrun_job_type = theirs\nrun_notes = theirs\nproject = theirs\n"
    write(tmp_path / "of-the-user/settings", text)
    record = lab.drain(WANDB_CONFIG_DIR=str(tmp_path / "of-the-user"))
    (run,) = lab.standin.runs.values()
    assert (record.status, run.project) == ("delivered", "fairmind-bias-detection")
    assert (run.group, run.job_type) == ("model-1", "ml_bias")
    assert "theirs" not in str(run.notes)


def test_no_config_defaults_of_the_working_directory_shape_a_run(lab: WandbLab) -> None:
    Path("config-defaults.yaml").write_text("theirs:\n  value: 1\n")
    assert lab.drain().status == "delivered"
    (run,) = lab.standin.runs.values()
    assert "theirs" not in run.config


def netrc(home: Path, machine: str) -> None:
    write(home / ".netrc", f"machine {machine} login user password {API_KEY}\n")


def test_a_key_of_wandb_login_counts_for_its_host_and_port(lab: WandbLab, tmp_path: Path) -> None:
    netrc(tmp_path / "home", lab.standin.base_url.removeprefix("http://"))
    assert lab.drain(WANDB_API_KEY="").status == "delivered"


def test_a_key_for_another_port_blocks_with_the_advice_to_log_in(
    lab: WandbLab, tmp_path: Path
) -> None:
    netrc(tmp_path / "home", "127.0.0.1:1")
    record = lab.drain(WANDB_API_KEY="")
    state = lab.state()
    assert (record.attempts, state.state) == (0, "blocked")
    assert "wandb login" in str(state.reason)


def test_an_identity_token_delivers(lab: WandbLab, tmp_path: Path) -> None:
    write(tmp_path / "identity.jwt", "a.b.c")
    variables = {
        "WANDB_API_KEY": "",
        "WANDB_IDENTITY_TOKEN_FILE": "identity.jwt",
        "WANDB_CREDENTIALS_FILE": str(tmp_path / "credentials.json"),
    }
    assert lab.drain(**variables).status == "delivered"


def test_a_run_that_w_and_b_refuses_alone_ends_dead_and_its_neighbours_are_delivered(
    lab: WandbLab,
) -> None:
    lab.standin.store.refusal = (422, "this run is not to our taste")
    lab.standin.store.refused_ids = {lab.key()}
    lab.save()
    lab.save()
    for _ in range(4):
        lab.drain()
        lab.write(due_at=datetime.now(UTC))
    *neighbours, refused = lab.records()
    assert [one.status for one in neighbours] == ["delivered"] * 2
    assert (refused.status, refused.last_error_kind) == ("dead", "refused")
    assert "not to our taste" in str(refused.last_error)


@pytest.mark.parametrize("action", [None, "drop_before", "status"])
def test_the_check_of_a_refusal_leaves_nothing_behind(lab: WandbLab, action: Any) -> None:
    if action:
        lab.standin.faults.replace([Fault("delete", action, times=2)])
    lab.standin.store.refusal = (422, "this run is not to our taste")
    lab.standin.store.refused_ids = {lab.key()}
    lab.drain()
    assert lab.standin.runs == {}


def test_a_file_stream_that_asks_for_rest_gets_it_and_costs_no_attempt(lab: WandbLab) -> None:
    lab.standin.faults.replace([Fault("file_stream", "status", status=429, retry_after=1800)])
    record = lab.drain()
    state = lab.state()
    assert (record.status, record.attempts, state.state) == ("pending", 0, "offline")
    assert state.next_probe_at is not None
    assert (state.next_probe_at - datetime.now(UTC)).total_seconds() > 1700
    lab.standin.faults.replace([])
    assert lab.drain().status == "delivered"


def test_a_run_that_shows_up_late_is_waited_for_and_not_sent_again(lab: WandbLab) -> None:
    lab.standin.store.hides_runs = True
    waits = []
    for _ in range(2):
        record = lab.drain()
        waits.append((record.status, record.attempts, record.last_error_kind))
        lab.write(due_at=datetime.now(UTC))
    (run,) = lab.standin.runs.values()
    sent = run.upserts
    lab.standin.store.hides_runs = False
    assert waits == [("pending", 0, "unconfirmed")] * 2
    assert (lab.drain().status, run.upserts) == ("delivered", sent)


@pytest.mark.parametrize("is_in_file", [False, True])
def test_the_headers_of_a_gateway_go_along_with_probe_and_upload(
    lab: WandbLab, tmp_path: Path, is_in_file: bool
) -> None:
    lab.standin.word_of_gateway = "let us in"
    headers = '{"X-Gateway": "let us in"}'
    text = f"[default]\nx_extra_http_headers = {headers}\n" if is_in_file else "[default]\n"
    write(tmp_path / "of-the-user/settings", text)
    variables = {} if is_in_file else {"WANDB_X_EXTRA_HTTP_HEADERS": headers}
    env = {"WANDB_CONFIG_DIR": str(tmp_path / "of-the-user"), **variables}
    assert lab.drain(**env).status == "delivered"
