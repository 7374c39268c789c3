"""A run gets through to servers that take less than the newest, with as few refused requests as need be."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast

import pytest

from fairmind_sync.errors import ProviderBlockedError
from fairmind_sync.providers.mlflow.runs_api import (
    Entry,
    MetricPoint,
    MlflowRefusedError,
    NotMlflowError,
    ParamText,
    RunPlace,
    RunsApi,
    StoredRun,
    TagText,
)
from fairmind_sync.providers.mlflow.sending import RunSender
from tests.support.values import delivery

RUN = "run-1"
REFUSED = MlflowRefusedError("INVALID_PARAMETER_VALUE", "refused")


@dataclass
class Server:
    """A server that refuses a batch if `refuses` returns an error for it."""

    refuses: Callable[[Mapping[str, float], Mapping[str, str]], Exception | None]
    longest_tag: int = 8_000
    refusal: Exception = REFUSED
    tags: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    status: str = "RUNNING"
    requests: int = 0

    def create_run(
        self, _experiment: str, _name: str, _start: datetime, tags: Mapping[str, str]
    ) -> RunPlace:
        self.requests += 1
        if any(len(value) > self.longest_tag for value in tags.values()):
            raise self.refusal
        self.tags = dict(tags)
        return RunPlace(RUN, "")

    def log_batch(self, _run: str, batch: Sequence[Entry]) -> None:
        self.requests += 1
        metrics = {one.key: one.value for one in batch if isinstance(one, MetricPoint)}
        params = {one.key: one.value for one in batch if isinstance(one, ParamText)}
        if error := self.refuses(metrics, params):
            raise error
        self.metrics |= metrics
        self.params |= params
        self.tags |= {one.key: one.value for one in batch if isinstance(one, TagText)}

    def stored_run(self, _run: str) -> StoredRun:
        return StoredRun(
            tags=dict(self.tags),
            params=frozenset(self.params),
            metrics=frozenset(self.metrics),
        )

    def fail_run(self, _run: str) -> None:
        self.status = "FAILED"


def sent(server: Server, **changes: Any) -> RunSender:
    sender = RunSender(cast("RunsApi", server), "project")
    one = delivery(**changes)
    run, stored = sender.create(one, sender.content(one), "0")
    assert run == RunPlace(RUN, "")
    sender.fill(one, run.id, stored)
    return sender


def with_a_colon(metrics: Mapping[str, float], params: Mapping[str, str]) -> Exception | None:
    return REFUSED if any(":" in key for key in (*metrics, *params)) else None


def with_a_long_text(_metrics: Mapping[str, float], params: Mapping[str, str]) -> Exception | None:
    return REFUSED if any(len(text) > 500 for text in params.values()) else None


def with_more_than(entries: int) -> Callable[..., Exception | None]:
    return lambda metrics, params: REFUSED if len(metrics) + len(params) > entries else None


def test_a_newest_server_gets_everything_in_one_batch() -> None:
    server = Server(lambda *_: None)
    sent(server, results={"a:b": 1.0})
    assert (server.metrics, server.requests, server.status) == ({"a:b": 1.0}, 2, "RUNNING")


def test_keys_lose_their_colon_where_it_is_refused() -> None:
    server = Server(with_a_colon)
    sent(server, results={"group:a": 1.0, "b": math.nan, "c:d": 2.0})
    assert sorted(key.partition("-")[0] for key in server.metrics) == ["b", "c_d", "group_a"]


def test_what_was_learned_counts_for_the_next_run() -> None:
    server = Server(with_a_colon)
    sender = sent(server, results={"a:b": 1.0})
    before = server.requests
    sender.fill(delivery(results={"c:d": 1.0}), RUN, server.stored_run(RUN))
    assert server.requests == before + 1


def test_what_another_thread_learns_meanwhile_is_no_refusal_for_good() -> None:
    """Both send a long parameter; the refusals of the other come first, and teach all that there is."""

    def refuse(_metrics: Mapping[str, float], params: Mapping[str, str]) -> Exception | None:
        sender._limits = replace(sender._limits, longest_param=250)
        return REFUSED if any(len(value) > 250 for value in params.values()) else None

    server = Server(refuse)
    sender = RunSender(cast("RunsApi", server), "project")
    sender.fill(delivery(metadata={"long": "x" * 7_000}), RUN, StoredRun())
    assert (len(server.params["long"]), server.status) == (250, "RUNNING")


def test_long_parameters_are_shortened_where_they_are_refused() -> None:
    server = Server(
        lambda _, params: REFUSED if any(len(v) > 500 for v in params.values()) else None
    )
    sent(server, metadata={"long": "x" * 7_000, "short": "y"})
    assert (len(server.params["long"]), server.params["short"]) == (500, "y")


def test_a_run_whose_tags_are_refused_is_made_with_shorter_ones() -> None:
    server = Server(lambda *_: None, longest_tag=5_000)
    sent(server, results={"summary": "x" * 7_999})
    assert max(map(len, server.tags.values())) == 5_000


@pytest.mark.parametrize("entries", [200, 100, 1])
def test_batches_are_halved_until_they_pass(entries: int) -> None:
    server = Server(with_more_than(entries))
    results = {f"m{number}": float(number) for number in range(2_500)}
    sent(server, results=results)
    assert server.metrics == results


def test_a_size_that_passed_is_kept_for_the_next_batches() -> None:
    server = Server(with_more_than(200))
    sent(server, results={f"m{number}": float(number) for number in range(4_000)})
    assert server.requests < 4_000 / 100 + 10


def test_an_entry_that_is_refused_for_good_ends_the_run_as_failed() -> None:
    server = Server(lambda metrics, _: REFUSED if "bad" in metrics else None)
    with pytest.raises(MlflowRefusedError):
        sent(server, results={"good": 1.0, "bad": 2.0})
    assert server.status == "FAILED"


def test_an_entry_that_is_refused_for_good_costs_few_requests() -> None:
    server = Server(lambda metrics, _: REFUSED if "m700" in metrics else None)
    with pytest.raises(MlflowRefusedError):
        sent(server, results={f"m{number}": float(number) for number in range(800)})
    assert server.requests < 25


def test_a_long_delivery_tells_of_its_progress() -> None:
    server = Server(with_more_than(100))
    told: list[int] = []
    one = delivery(results={f"m{number}": float(number) for number in range(2_000)})
    RunSender(cast("RunsApi", server), "project").fill(
        one, RUN, StoredRun(), lambda: told.append(server.requests)
    )
    assert told[0] < told[-1]
    assert max(later - earlier for earlier, later in itertools.pairwise(told)) == 1


def test_a_short_delivery_is_spared_the_telling() -> None:
    told: list[str] = []
    server = Server(lambda *_: None)
    RunSender(cast("RunsApi", server), "project").fill(
        delivery(), RUN, StoredRun(), lambda: told.append("progress")
    )
    assert told == []


def test_what_a_gateway_refuses_is_sent_in_halves_too() -> None:
    error = NotMlflowError("413")
    server = Server(lambda metrics, params: error if len(metrics) + len(params) > 30 else None)
    sent(server, results={f"m{number}": float(number) for number in range(100)})
    assert len(server.metrics) == 100


def test_refused_credentials_are_no_reason_to_send_halves() -> None:
    server = Server(lambda *_: ProviderBlockedError("credentials"))
    with pytest.raises(ProviderBlockedError):
        sent(server, results={f"m{number}": float(number) for number in range(100)})
    assert server.requests == 2


@pytest.mark.parametrize(
    "error",
    [
        MlflowRefusedError("RESOURCE_DOES_NOT_EXIST", "no such run"),
        MlflowRefusedError("INVALID_PARAMETER_VALUE", "The run must be in the 'active' state."),
    ],
)
def test_a_run_that_is_gone_is_no_reason_to_send_halves(error: Exception) -> None:
    server = Server(lambda *_: error)
    with pytest.raises(MlflowRefusedError):
        sent(server, results={"a": 1.0, "b": 2.0})
    assert server.requests == 2


def test_keys_that_are_one_to_the_server_are_told_apart() -> None:
    stored: set[str] = set()

    def folds(metrics: Mapping[str, float], params: Mapping[str, str]) -> Exception | None:
        keys = [key.casefold() for key in (*metrics, *params)]
        known = {key.casefold() for key in stored}
        if len({*keys}) < len(keys) or known.intersection(keys):
            return REFUSED
        stored.update(metrics, params)
        return None

    server = Server(folds)
    sent(server, results={"Tpr": 1.0, "tpr": 2.0})
    assert len(server.metrics) == 2


def test_a_run_whose_tags_a_gateway_refuses_gets_them_after_it_was_made() -> None:
    server = Server(lambda *_: None, longest_tag=32, refusal=NotMlflowError("413"))
    sent(server, results={"summary": "x" * 1_000})
    assert len(server.tags["summary"]) == 1_000


def test_a_run_that_a_gateway_refuses_without_its_tags_too_is_not_tried_again() -> None:
    server = Server(lambda *_: None, longest_tag=0, refusal=NotMlflowError("403"))
    with pytest.raises(NotMlflowError):
        sent(server)
    assert server.requests == 2


def test_a_note_on_what_the_server_taught_is_among_the_runs_tags() -> None:
    server = Server(with_a_colon)
    sent(server, results={"a:b": 1.0})
    assert "key 'a:b' is sent as 'a_b'" in server.tags["fairmind.adjusted"]


def test_tags_that_the_run_has_already_are_not_sent_again() -> None:
    """Else each attempt after a lost reply would begin with more entries than the one before."""
    server = Server(lambda *_: None)
    sender = sent(server, results={"a": 1.0})
    news = [TagText("fairmind.evidence", "stored")]
    for _ in range(2):
        sender.fill(delivery(results={"a": 1.0}), RUN, server.stored_run(RUN), news=news)
    assert (server.tags["fairmind.evidence"], server.requests) == ("stored", 3)


def test_a_tag_that_says_something_else_by_now_is_sent() -> None:
    server = Server(lambda *_: None)
    sender = sent(server, results={"a": 1.0})
    for state in ("waiting: no answer", "stored"):
        news = [TagText("fairmind.evidence", state)]
        sender.fill(delivery(results={"a": 1.0}), RUN, server.stored_run(RUN), news=news)
    assert server.tags["fairmind.evidence"] == "stored"
