"""What several threads learn of a server at once adds up."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, cast

import pytest

from fairmind_sync.providers.mlflow.content import NEWEST
from fairmind_sync.providers.mlflow.limits import ServerLimits
from fairmind_sync.providers.mlflow.runs_api import RunsApi, StoredRun
from fairmind_sync.providers.mlflow.sending import RunSender
from tests.providers.test_mlflow_sending import RUN, Server, with_a_colon, with_a_long_text
from tests.support.values import delivery


def test_what_two_threads_learn_at_the_same_time_counts_for_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One learns that keys have no colon, the other that texts are short; both begin from the same limits."""
    server = Server(
        lambda metrics, params: with_a_colon(metrics, params) or with_a_long_text(metrics, params)
    )
    together(monkeypatch)
    sender = RunSender(cast("RunsApi", server), "project")
    odd = [{"results": {"a:b": 1.0}}, {"metadata": {"text": "x" * 6000}}]
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda one: sender.fill(delivery(**one), RUN, StoredRun()), odd))
    limits = sender._limits
    assert (limits.longest_param, limits.keys == NEWEST.keys) == (500, False)


def together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has each thread wait for the other one, with what it has learned; at most a moment."""
    meeting = threading.Barrier(2)
    learn = ServerLimits.after_refused_entry

    def learn_and_wait(*arguments: Any) -> ServerLimits | None:
        found = learn(*arguments)
        with suppress(threading.BrokenBarrierError):
            meeting.wait(1)
        return found

    monkeypatch.setattr(ServerLimits, "after_refused_entry", learn_and_wait)
