"""The model of W&B and its SDK, and the real SDK against the stand-in, are asked the same questions."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, cast

import pytest

from fairmind_sync.errors import ProviderBlockedError, ProviderOfflineError
from fairmind_sync.providers.wandb.content import content_of
from fairmind_sync.providers.wandb.held import Held
from tests.simulation import wandb_fixtures
from tests.simulation.wandb_fixtures import error_of, slow_on_the_sdk
from tests.support.diagonals import diagonals
from tests.support.values import delivery

if TYPE_CHECKING:
    from tests.simulation.wandb_benches import Bench

CONTENT = content_of(
    delivery(results={"accuracy": 0.25, "verdict": "fair"}), "project", evidence="none"
)
OF_AN_UPLOAD = ["upsert", "stream", "complete"]
SMALL = {"probe": "viewer", "read_back": "read_back", "shows_the_project": "project"}
"""Requests that go without the SDK, by the call that makes them."""
DISTURBANCES = ["lost", "no_reply", "500"]
small = pytest.mark.parametrize("call", [*SMALL])


bench, sdk, run = wandb_fixtures.bench, wandb_fixtures.sdk, wandb_fixtures.run


def held(bench: Bench, run: str) -> Held | None:
    return cast("Held | None", bench.ask("read_back", [run]).get(run))


def shown(bench: Bench, run: str) -> tuple[str, str, int]:
    one = held(bench, run)
    assert one is not None
    return one.state, one.digest, one.history_lines


WHOLE = ("finished", CONTENT.digest, 1)


def test_an_uploaded_run_is_whole(bench: Bench, run: str) -> None:
    bench.ask("upload", run, CONTENT)
    assert shown(bench, run) == WHOLE


def test_an_uploaded_run_is_shown_as_it_was_sent(bench: Bench, run: str) -> None:
    bench.ask("upload", run, CONTENT)
    one = held(bench, run)
    assert one is not None
    assert (one.shaped_by(CONTENT), one.differs_by(CONTENT), one.files) == ("", "", {})


def test_a_run_without_numbers_has_no_history(bench: Bench, run: str) -> None:
    bare = replace(CONTENT, row={})
    bench.ask("upload", run, bare)
    assert shown(bench, run) == ("finished", CONTENT.digest, 0)


@pytest.mark.parametrize("is_anew", [False, True], ids=["by the same", "by another"])
def test_a_repeated_upload_leaves_one_line(bench: Bench, run: str, *, is_anew: bool) -> None:
    bench.ask("upload", run, CONTENT)
    if is_anew:
        bench.ask("restart")
    bench.ask("upload", run, CONTENT)
    assert shown(bench, run) == WHOLE


def test_unknown_runs_are_left_out(bench: Bench, run: str) -> None:
    bench.ask("upload", run, CONTENT)
    assert [*bench.ask("read_back", [run, "unknown"])] == [run]


def test_a_deleted_run_is_not_shown(bench: Bench, run: str) -> None:
    bench.ask("upload", run, CONTENT)
    bench.delete(run)
    assert held(bench, run) is None


def test_the_project_is_shown_though_its_run_was_deleted(bench: Bench, run: str) -> None:
    bench.ask("upload", run, CONTENT)
    bench.delete(run)
    assert bench.ask("shows_the_project")


@slow_on_the_sdk
def test_the_id_of_a_deleted_run_is_refused(bench: Bench, run: str) -> None:
    bench.ask("upload", run, CONTENT)
    bench.delete(run)
    assert error_of(bench, "upload", run, CONTENT) == "WandbRefusedError"


@pytest.mark.parametrize(("request_", "effect"), diagonals(OF_AN_UPLOAD, DISTURBANCES, apart=3))
def test_one_disturbance_is_overcome(bench: Bench, run: str, request_: str, effect: str) -> None:
    bench.strike(request_, effect)
    bench.ask("upload", run, CONTENT)
    assert shown(bench, run) == WHOLE


@slow_on_the_sdk
@pytest.mark.parametrize(
    ("request_", "status"), [("upsert", "429"), ("stream", "503"), ("complete", "429")]
)
def test_who_asks_for_a_long_rest_fails_the_upload(
    bench: Bench, run: str, request_: str, status: str
) -> None:
    """The SDK rests for as long as it was asked to, and its time is over by then."""
    bench.strike(request_, status)
    assert error_of(bench, "upload", run, CONTENT) == "UploadError"


@slow_on_the_sdk
@pytest.mark.parametrize("request_", OF_AN_UPLOAD)
def test_a_service_that_fails_for_ever_fails_the_upload(
    bench: Bench, run: str, request_: str
) -> None:
    bench.strike(request_, "500", always=True)
    assert error_of(bench, "upload", run, CONTENT) == "UploadError"


@slow_on_the_sdk
def test_without_a_service_an_upload_fails(bench: Bench, run: str) -> None:
    bench.ask("probe")
    bench.go_away()
    assert error_of(bench, "upload", run, CONTENT) == "UploadError"


def test_a_refused_stream_loses_all_without_a_word(bench: Bench, run: str) -> None:
    bench.strike("stream", "403", always=True)
    bench.ask("upload", run, CONTENT)
    assert shown(bench, run) == ("running", "", 0)


def test_what_a_stream_lost_the_next_upload_brings(bench: Bench, run: str) -> None:
    bench.strike("stream", "403", always=True)
    bench.ask("upload", run, CONTENT)
    bench.be_well()
    bench.ask("upload", run, CONTENT)
    assert shown(bench, run) == WHOLE


def test_a_refused_end_leaves_the_run_unfinished_without_a_word(bench: Bench, run: str) -> None:
    bench.strike("complete", "403", always=True)
    bench.ask("upload", run, CONTENT)
    assert shown(bench, run)[0] == "running"


def test_a_run_that_alone_is_refused_is_that_runs_fault(bench: Bench, run: str) -> None:
    bench.strike("upsert", "403")
    assert error_of(bench, "upload", run, CONTENT) == "RunRefusedError"


def test_a_project_that_takes_no_runs_blocks(bench: Bench, run: str) -> None:
    bench.strike("upsert", "403", always=True)
    assert error_of(bench, "upload", run, CONTENT) == "ProviderBlockedError"


def test_an_id_that_was_refused_is_in_use_until_a_restart(bench: Bench, run: str) -> None:
    bench.strike("upsert", "403")
    told = [error_of(bench, "upload", run, CONTENT) for _ in range(2)]
    bench.ask("restart")
    told.append(error_of(bench, "upload", run, CONTENT))
    assert told == ["RunRefusedError", "UploadError", ""]


@slow_on_the_sdk
def test_an_id_that_got_no_answer_is_in_use_until_a_restart(bench: Bench, run: str) -> None:
    bench.strike("upsert", "503")
    told = [error_of(bench, "upload", run, CONTENT) for _ in range(2)]
    bench.ask("restart")
    bench.ask("upload", run, CONTENT)
    assert (told, shown(bench, run)) == (["UploadError"] * 2, WHOLE)


@slow_on_the_sdk
def test_an_id_whose_end_got_no_answer_can_be_sent_again_at_once(bench: Bench, run: str) -> None:
    bench.strike("complete", "503")
    told = [error_of(bench, "upload", run, CONTENT) for _ in range(2)]
    assert (told, shown(bench, run)) == (["UploadError", ""], WHOLE)


def test_a_late_upsert_opens_a_finished_run_again(bench: Bench, run: str) -> None:
    bench.ask("upload", run, CONTENT)
    bench.upsert_late(run, CONTENT)
    assert shown(bench, run) == ("running", CONTENT.digest, 1)


def test_a_run_that_was_opened_again_is_ended_by_the_next_upload(bench: Bench, run: str) -> None:
    bench.ask("upload", run, CONTENT)
    bench.upsert_late(run, CONTENT)
    bench.ask("upload", run, CONTENT)
    assert shown(bench, run) == WHOLE


def arguments_of(call: str, run: str) -> list[object]:
    return [[run]] if call == "read_back" else []


@pytest.mark.parametrize("effect", ["lost", "no_reply"])
@small
def test_without_an_answer_wandb_is_offline(bench: Bench, run: str, call: str, effect: str) -> None:
    bench.ask("probe")
    bench.strike(SMALL[call], effect)
    with pytest.raises(ProviderOfflineError):
        bench.ask(call, *arguments_of(call, run))


@pytest.mark.parametrize("status", ["429", "503"])
@small
def test_a_busy_service_says_how_long_to_rest(
    bench: Bench, run: str, call: str, status: str
) -> None:
    bench.ask("probe")
    bench.strike(SMALL[call], status)
    with pytest.raises(ProviderOfflineError) as offline:
        bench.ask(call, *arguments_of(call, run))
    assert offline.value.after == timedelta(seconds=30)


@small
def test_a_service_that_forbids_blocks(bench: Bench, run: str, call: str) -> None:
    bench.ask("probe")
    bench.strike(SMALL[call], "403")
    with pytest.raises(ProviderBlockedError):
        bench.ask(call, *arguments_of(call, run))


@small
def test_without_a_service_the_address_is_told(bench: Bench, run: str, call: str) -> None:
    bench.ask("probe")
    bench.go_away()
    with pytest.raises(ProviderOfflineError) as offline:
        bench.ask(call, *arguments_of(call, run))
    assert offline.value.address is not None


@pytest.mark.parametrize(("effect", "error"), [("503", "ProviderOfflineError"), ("403", "")])
def test_of_a_stream_only_a_wish_for_rest_is_told(
    bench: Bench, run: str, effect: str, error: str
) -> None:
    bench.ask("upload", run, CONTENT)
    bench.strike("require_stream", effect)
    assert error_of(bench, "require_stream", run) == error
