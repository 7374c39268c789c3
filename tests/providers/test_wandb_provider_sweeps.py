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


def test_a_sweep_asks_for_a_hundred_at_once(wandb: Any) -> None:
    one = wandb.WandbProvider(sdk := Sdk(project=False), SETTINGS)
    one.sweep([str(number) for number in range(250)], Notes())
    assert [len(keys) for (keys,) in sdk.made("read")] == [100, 100, 50]


def opened(wandb: Any, trouble: Exception | None = None) -> Any:
    """A provider that shows an open run `a`, whose end fails with `trouble`."""
    held = {"a": shown(content_of(delivery(), "p"), state="running")}
    return wandb.WandbProvider(Sdk(held=held, trouble_of_files=trouble), SETTINGS)


@pytest.mark.parametrize(
    ("status", "is_sendable", "is_ended"),
    [
        ("delivered", True, False),
        ("delivered", False, True),
        ("pending", False, False),
        ("discarded", False, False),
        (None, False, False),
    ],
)
def test_a_sweep_ends_an_open_run_of_which_nothing_can_be_sent_again(
    wandb: Any, status: str | None, *, is_sendable: bool, is_ended: bool
) -> None:
    """As where its result was deleted since: without more files, and with all else as it is."""
    known = {} if status is None else {"a": status}
    one = opened(wandb)
    one.sweep(["a"], Notes(standings=known, is_sendable=is_sendable))
    assert one._sdk.made("add_files") == ([["a", []]] if is_ended else [])


def swept_in_vain(wandb: Any, trouble: Exception) -> Any:
    one = opened(wandb, trouble)
    with captured_logs() as events:
        one.sweep(["a"], Notes(standings={"a": "delivered"}, is_sendable=False))
    return one, events


@pytest.mark.parametrize("refusal", ["RunRefusedError", "WandbRefusedError"])
def test_an_open_run_that_w_and_b_does_not_let_end_is_told(wandb: Any, refusal: str) -> None:
    one, events = swept_in_vain(wandb, getattr(wandb, refusal)("no"))
    told = {"event": "run.left_open", "log_level": "warning", "provider": "wandb", "run_id": "a"}
    assert events == [told | {"reason": "no"}]
    assert one._sdk.made("restart") == [[]]  # wandb-core has the id in use


def test_without_an_answer_to_an_end_the_sweep_is_made_again(wandb: Any) -> None:
    with pytest.raises(ProviderOfflineError, match=r"^no answer$"):
        swept_in_vain(wandb, wandb.UploadError("no answer"))
