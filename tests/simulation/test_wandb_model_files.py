"""The model of W&B, and the real SDK against the stand-in, are asked the same of runs' files."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from fairmind_sync.providers.wandb.content import content_of
from fairmind_sync.providers.wandb.held import Held
from fairmind_sync.providers.wandb.run_files import NO_FILES, RunFiles, md5
from tests.simulation import wandb_fixtures
from tests.simulation.wandb_fixtures import error_of, slow_on_the_sdk
from tests.support.values import delivery

if TYPE_CHECKING:
    from tests.simulation.wandb_benches import Bench

CONTENT = content_of(delivery(results={"accuracy": 0.25}), "project", evidence="full")
FILES = {name: md5(content) for name, content in CONTENT.files.contents.items()}
BARE = content_of(delivery(results={"accuracy": 0.25}), "project", evidence="none")
MORE = RunFiles({"evidence/result.json": b"{}"}, {})
bench, sdk, run = wandb_fixtures.bench, wandb_fixtures.sdk, wandb_fixtures.run


def held(bench: Bench, run: str) -> Held:
    return cast("Held", bench.ask("read_back", [run])[run])


def shown(bench: Bench, run: str) -> tuple[str, bool, dict[str, str]]:
    """The run's state, whether all of its numbers are there, and its files."""
    one = held(bench, run)
    return one.state, one.is_complete(CONTENT), {**one.files}


WHOLE, WITHOUT = ("finished", True, FILES), ("finished", True, dict[str, str]())


def test_an_upload_brings_each_file_once(bench: Bench, run: str) -> None:
    for _ in range(2):
        bench.ask("upload", run, CONTENT)
    assert shown(bench, run) == WHOLE


@pytest.mark.parametrize("request_", ["create_files", "store_file"])
def test_files_that_are_forbidden_are_left_out_without_a_word(
    bench: Bench, run: str, request_: str
) -> None:
    bench.strike(request_, "403", always=True)
    bench.ask("upload", run, CONTENT)
    assert shown(bench, run) == WITHOUT


def test_files_at_which_the_store_fails_are_left_out_without_a_word(bench: Bench, run: str) -> None:
    bench.strike("store_file", "500", always=True)
    bench.ask("upload", run, CONTENT)
    assert shown(bench, run) == WITHOUT


@pytest.mark.parametrize("effect", ["lost", "no_reply", "500"])
@pytest.mark.parametrize("request_", ["create_files", "store_file"])
def test_one_disturbance_of_files_is_overcome(
    bench: Bench, run: str, request_: str, effect: str
) -> None:
    bench.strike(request_, effect)
    bench.ask("upload", run, CONTENT)
    assert shown(bench, run) == WHOLE


@slow_on_the_sdk
@pytest.mark.parametrize("effect", ["lost", "500"])
def test_without_addresses_of_files_an_upload_fails(bench: Bench, run: str, effect: str) -> None:
    bench.strike("create_files", effect, always=True)
    assert error_of(bench, "upload", run, CONTENT) == "UploadError"


def test_files_that_are_lost_each_time_are_left_out_without_a_word(bench: Bench, run: str) -> None:
    bench.strike("store_file", "lost", always=True)
    bench.ask("upload", run, CONTENT)
    assert shown(bench, run) == WITHOUT


def test_files_are_added_to_a_finished_run_and_change_nothing_else(bench: Bench, run: str) -> None:
    bench.ask("upload", run, BARE)
    bench.ask("add_files", run, MORE)
    one = held(bench, run)
    assert (one.state, one.is_complete(BARE), one.differs_by(BARE)) == ("finished", True, "")
    assert one.files == {"evidence/result.json": md5(b"{}")}


def test_added_files_take_the_place_of_those_that_were_there(bench: Bench, run: str) -> None:
    bench.ask("upload", run, CONTENT)
    bench.ask("add_files", run, MORE)
    assert shown(bench, run)[2] == FILES | {"evidence/result.json": md5(b"{}")}


def test_added_files_that_are_forbidden_are_left_out_without_a_word(bench: Bench, run: str) -> None:
    bench.ask("upload", run, BARE)
    bench.strike("store_file", "403", always=True)
    bench.ask("add_files", run, MORE)
    assert (held(bench, run).state, held(bench, run).files) == ("finished", {})


def test_a_run_that_was_opened_again_is_ended_as_it_was_by_adding_no_files(
    bench: Bench, run: str
) -> None:
    bench.ask("upload", run, CONTENT)
    bench.upsert_late(run, CONTENT)
    before = held(bench, run).state
    bench.ask("add_files", run, NO_FILES)
    one = held(bench, run)
    assert (before, one.is_complete(CONTENT), one.differs_by(CONTENT)) == ("running", True, "")
    assert shown(bench, run) == WHOLE


@slow_on_the_sdk
def test_a_deleted_run_takes_no_more_files(bench: Bench, run: str) -> None:
    bench.ask("upload", run, BARE)
    bench.delete(run)
    assert error_of(bench, "add_files", run, MORE) in ("WandbRefusedError", "UploadError")
