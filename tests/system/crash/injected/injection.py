"""Trouble inside the processes under test, as `FAIRMIND_TEST_TROUBLE` orders it in JSON.

`times`: constants to shorten. `signal`: which signal whom, at which step, once. `poison`: the test_id of a
result that kills whoever looks at its content. `hang`: the test_id of one that nobody ever gets done with,
the file that is there once somebody tries, and whether
that is `too long` at once, without a wait for the batch's time, or `ever`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import count
from multiprocessing import parent_process
from pathlib import Path
from typing import Any

from fairmind_sync.outbox import outcomes, provider_state
from fairmind_sync.relay import loop, worker
from fairmind_sync.relay.journal import OutboxJournal
from fairmind_sync.relay.recording import Recorder


def set_up() -> None:
    trouble = json.loads(os.environ.get("FAIRMIND_TEST_TROUBLE", "{}"))
    causes: dict[str, Callable[[Any], None]] = {
        "times": _shorten,
        "signal": _signal_at,
        "poison": _poison,
        "hang": _hang,
    }
    for name, order in trouble.items():
        causes[name](order)


def _before(owner: Any, name: str, work: Callable[..., object]) -> None:
    inner = getattr(owner, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        work(*args, **kwargs)
        return inner(*args, **kwargs)

    setattr(owner, name, wrapped)


def _after(owner: Any, name: str, work: Callable[[Any], object]) -> None:
    inner = getattr(owner, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        result = inner(*args, **kwargs)
        work(result)
        return result

    setattr(owner, name, wrapped)


def _signal_at(order: dict[str, str]) -> None:
    records = count(1)

    def strike(*_args: object, **_kwargs: object) -> None:
        number = signal.Signals[f"SIG{order['number']}"]
        _signal_once(number, order["victim"], Path(order["marker"]))

    def at_create() -> None:
        _before(outcomes, "note_created", strike)
        if order["provider"] == "wandb":  # which makes the run in init, under the id that we chose
            _after(worker, "_provider", lambda _provider: _before_in_the_sdk("log", strike))

    def at_a_batch(batch: Sequence[object]) -> None:
        if batch:
            strike()

    def at_second_record(*_args: object) -> None:
        if next(records) == 2:
            strike()

    points: dict[str, Callable[[], None]] = {
        "after claim": lambda: _after(loop.Relay, "_claim", at_a_batch),
        "after 'create attempted'": lambda: _after(OutboxJournal, "creating", strike),
        "after create, before its id is stored": at_create,
        "in the middle of the evidence": lambda: _at_a_file(order["provider"], strike),
        "in the middle of a batch": lambda: _before(outcomes, "record_delivered", at_second_record),
        "after the last call, before record": lambda: _before(Recorder, "record_delivered", strike),
        "during record": lambda: _before(provider_state, "note_success", strike),
    }
    points[order["point"]]()


def _at_a_file(provider: str, work: Callable[..., object]) -> None:
    def spike(_provider: object) -> None:
        if provider == "wandb":
            _before_in_the_sdk("save", work)
        else:
            from fairmind_sync.providers.mlflow.http_artifacts import HttpArtifacts  # noqa: PLC0415 as below

            _before(HttpArtifacts, "read", work)

    _after(worker, "_provider", spike)


def _before_in_the_sdk(step: str, work: Callable[..., object]) -> None:
    from wandb.sdk.wandb_run import Run  # noqa: PLC0415 only a worker of W&B has it

    _before(Run, step, work)


def _signal_once(number: signal.Signals, victim: str, marker: Path) -> None:
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return
    if victim == "daemon":
        daemon = parent_process()
        assert daemon is not None
        assert daemon.pid is not None
        os.kill(daemon.pid, number)
        time.sleep(60)  # ended by the worker's own look-out for its parent
    os.kill(os.getpid(), number)


def _shorten(times: dict[str, float]) -> None:
    """Now, and again when the worker has opened its provider, whose modules come with it."""

    def set_all(_provider: object = None) -> None:
        for place, seconds in times.items():
            module, _, name = place.partition(":")
            if module in sys.modules:
                is_plain = isinstance(getattr(sys.modules[module], name), float)
                shorter = seconds if is_plain else timedelta(seconds=seconds)
                setattr(sys.modules[module], name, shorter)

    set_all()
    _after(worker, "_provider", set_all)


def _poison(test_id: str) -> None:
    _at_content_of(test_id, lambda: os.kill(os.getpid(), signal.SIGKILL))


def _hang(order: dict[str, str]) -> None:
    def hang() -> None:
        Path(order["marker"]).touch()
        if order["for"] == "too long":
            worker._watchdog.deadline = time.monotonic()  # as if the batch's whole time had passed
        time.sleep(600)

    _at_content_of(order["test_id"], hang)


def _at_content_of(test_id: str, work: Callable[[], object]) -> None:
    def look(delivery: Any, *_args: object) -> None:
        if delivery.result.test_id == test_id:
            work()

    def spike(provider: object) -> None:
        package = type(provider).__module__.rpartition(".")[0]
        users = (sys.modules.get(f"{package}.{name}") for name in ("sending", "provider"))
        module: Any = next(one for one in users if hasattr(one, "content_of"))
        if module.content_of.__name__ != "wrapped":
            _before(module, "content_of", look)

    _after(worker, "_provider", spike)
