"""What a sweep asks W&B's SDK, and does about runs that are open or gone: no SDK is used."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from fairmind_sync.errors import ProviderOfflineError
from fairmind_sync.providers.wandb.content import content_of
from fairmind_sync.settings import Settings
from tests.providers.wandb_calls import Notes, Sdk, shown
from tests.support.log_events import captured_logs
from tests.support.values import delivery

SETTINGS = Settings(provider="wandb", wandb_project="p", evidence="none")


@pytest.fixture(scope="module")
def wandb() -> Any:
    """The module of the provider, whose import takes a second: each process of a run collects this one."""
    return importlib.import_module("fairmind_sync.providers.wandb.provider")


@pytest.mark.parametrize(("project", "gone"), [(True, [("b", "deleted")]), (False, [])])
def test_a_sweep_tells_of_runs_that_are_open_or_gone(
    wandb: Any, project: bool, gone: list[tuple[str, str]]
) -> None:
    sent = content_of(delivery(), "p")
    held = {"a": shown(sent, state="running"), "c": shown(sent)}
    one = wandb.WandbProvider(Sdk(held=held, project=project), SETTINGS)
    one.sweep(["a", "b", "c"], notes := Notes())
    assert notes.told == [("a", "the run is running at W&B"), *gone]


@pytest.mark.parametrize(
    ("destination", "told"), [("e/p", [("a", "deleted")]), (None, [("a", "deleted")]), ("e/q", [])]
)
def test_a_run_of_another_project_is_not_told_as_deleted(
    wandb: Any, destination: str | None, told: list[tuple[str, str]]
) -> None:
    """As after a change of WANDB_PROJECT."""
    notes = Notes(standings={"a": "delivered"}, destination=destination)
    wandb.WandbProvider(Sdk(), SETTINGS).sweep(["a"], notes)
    assert notes.told == told


def test_a_sweep_asks_for_a_hundred_at_once(wandb: Any) -> None:
    one = wandb.WandbProvider(sdk := Sdk(project=False), SETTINGS)
    one.sweep([str(number) for number in range(250)], Notes())
    assert [len(keys) for (keys,) in sdk.made("read")] == [100, 100, 50]


def opened(wandb: Any, trouble: Exception | None = None, **more: Any) -> Any:
    """A provider that shows two open runs, whose ends fail with `trouble`."""
    run = shown(content_of(delivery(), "p"), state="running")
    sdk = Sdk(held={"a": run, "b": run}, trouble_of_files=trouble, **more)
    return wandb.WandbProvider(sdk, SETTINGS, pause=lambda _s: None)


@pytest.mark.parametrize(
    ("status", "is_sendable", "is_ended"),
    [
        ("delivered", True, False),
        ("delivered", False, True),
        ("pending", False, False),
        ("handed_over", False, False),
        ("dead", False, True),
        ("discarded", False, True),
        (None, False, False),
    ],
)
def test_a_sweep_ends_an_open_run_of_which_nothing_can_be_sent_again(
    wandb: Any, status: str | None, *, is_sendable: bool, is_ended: bool
) -> None:
    """As where its result was deleted since, or given up: without more files, and with all else as it is."""
    known = {} if status is None else {"a": status}
    one = opened(wandb)
    one.sweep(["a"], Notes(standings=known, is_sendable=is_sendable))
    assert one._sdk.made("add_files") == ([["a", []]] if is_ended else [])


def test_an_open_run_that_no_delivery_has_is_left_alone(wandb: Any) -> None:
    """As one that was never confirmed, of a delivery that was given up: it has no end to come back to."""
    one = opened(wandb)
    notes = Notes(standings={"a": "discarded"}, is_sendable=False, has_run=False)
    one.sweep(["a"], notes)
    assert one._sdk.made("add_files") == []


def swept_in_vain(wandb: Any, trouble: Exception | None = None, **more: Any) -> Any:
    one = opened(wandb, trouble, **more)
    with captured_logs() as events:
        one.sweep(["a", "b"], Notes(standings=dict.fromkeys("ab", "delivered"), is_sendable=False))
    return one, events


@pytest.mark.parametrize(
    ("name", "tries"), [("RunRefusedError", 1), ("WandbRefusedError", 1), ("UploadError", 2)]
)
def test_open_runs_that_w_and_b_does_not_let_end_are_told(
    wandb: Any, name: str, tries: int
) -> None:
    """Each of them: while W&B answers, it is the runs' own, and W&B is not offline."""
    one, events = swept_in_vain(wandb, getattr(wandb, name)("no"))
    told = {"event": "run.left_open", "log_level": "warning", "provider": "wandb", "reason": "no"}
    assert events == [told | {"run_id": "a"}, told | {"run_id": "b"}]
    assert one._sdk.made("add_files") == [["a", []]] * tries + [["b", []]] * tries


def test_an_end_that_goes_nowhere_is_told(wandb: Any) -> None:
    """W&B's client says nothing where the file stream is refused, so the run is read back."""
    one, events = swept_in_vain(wandb, is_deaf=True)
    words = "W&B took its end without an error, and shows that it is running"
    told = {"event": "run.left_open", "log_level": "warning", "provider": "wandb", "reason": words}
    assert events == [told | {"run_id": "a"}, told | {"run_id": "b"}]
    assert one._sdk.made("read") == [[["a", "b"]]] * 7


def test_an_end_that_shows_is_looked_for_once(wandb: Any) -> None:
    one, events = swept_in_vain(wandb)
    assert (one._sdk.made("read"), events) == ([[["a", "b"]]] * 2, [])


def test_a_file_stream_that_rests_is_no_runs_own(wandb: Any) -> None:
    one = opened(wandb, wandb.UploadError("no answer"), stream=ProviderOfflineError("429"))
    with pytest.raises(ProviderOfflineError, match=r"^429$"):
        one.sweep(["a"], Notes(standings={"a": "delivered"}, is_sendable=False))


def test_wandb_core_which_has_the_id_in_use_is_restarted_before_another_try(wandb: Any) -> None:
    one, _ = swept_in_vain(wandb, wandb.UploadError("no answer"))
    called = [name for name, *_ in one._sdk.calls if name in ("add_files", "restart")]
    assert called == ["add_files", "restart"] * 4


def test_without_an_answer_to_an_end_or_a_probe_the_sweep_is_made_again(wandb: Any) -> None:
    one = opened(wandb, wandb.UploadError("no answer"), away=ProviderOfflineError("away"))
    with pytest.raises(ProviderOfflineError, match=r"^away$"):
        one.sweep(["a"], Notes(standings={"a": "delivered"}, is_sendable=False))
    assert one._sdk.made("add_files") == [["a", []]]
