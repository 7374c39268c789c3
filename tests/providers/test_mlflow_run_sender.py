"""What the sender of runs passes on, and what it tells when a server takes less: no server is asked."""

from __future__ import annotations

from typing import Any

import pytest

from fairmind_sync.errors import ProviderOfflineError
from fairmind_sync.providers.mlflow.content import DELIVERY_KEY_TAG
from fairmind_sync.providers.mlflow.runs_api import (
    MlflowRefusedError,
    NotMlflowError,
    ParamText,
    RunPlace,
    StoredRun,
    TagText,
    UncertainError,
)
from fairmind_sync.providers.mlflow.sending import RunSender
from fairmind_sync.results.delivery import Delivery
from tests.providers.mlflow_provider_calls import Api
from tests.support.log_events import captured_logs
from tests.support.values import SAVED_AT, delivery

LONG = delivery(metadata={"text": "x" * 7_000})
REFUSED = MlflowRefusedError("INVALID_PARAMETER_VALUE", "too long")
GONE = MlflowRefusedError("RESOURCE_DOES_NOT_EXIST", "gone")


def sender(api: Api, **options: Any) -> RunSender:
    given: Any = api
    return RunSender(given, "p", **options)


def test_a_run_is_made_with_all_its_tags_at_once() -> None:
    one = sender(api := Api())
    content = one.content(delivery())
    place, stored = one.create(delivery(), content, "7")
    assert (place, stored) == (RunPlace("r", "s3://b"), StoredRun(tags=content.tags))
    assert api.made("create_run") == [["7", content.name, SAVED_AT, content.tags]]


def test_where_a_gateway_refuses_that_the_run_gets_its_key_alone() -> None:
    class Gateway(Api):
        def create_run(self, *given: Any) -> RunPlace:
            self.calls.append(("create_run", *given))
            if len(given[-1]) > 1:
                raise NotMlflowError("a gateway")
            return RunPlace("r", "")

    one = sender(api := Gateway())
    content = one.content(delivery())
    _, stored = one.create(delivery(), content, "7")
    assert stored.tags == {DELIVERY_KEY_TAG: "0" * 32}
    assert api.made("create_run")[-1] == ["7", content.name, SAVED_AT, stored.tags]


def test_a_server_that_takes_shorter_tags_is_told_once_and_asked_again() -> None:
    class Older(Api):
        def create_run(self, *given: Any) -> RunPlace:
            self.calls.append(("create_run", *given))
            if any(len(value) > 5_000 for value in given[-1].values()):
                raise REFUSED
            return RunPlace("r", "")

    one = sender(api := Older())
    long = delivery(results={"summary": "s" * 7_000})
    with captured_logs() as events:
        for _ in range(2):
            one.create(long, one.content(long), "7")
    told = {"event": "provider.takes_less", "provider": "mlflow", "reason": "too long"}
    assert events == [told | {"log_level": "warning"}]
    assert {given[0] for given in api.made("create_run")} == {"7"}


def test_the_digest_of_the_content_is_a_tag_where_it_is_wanted() -> None:
    plain = sender(Api()).content(delivery()).tags
    marked = sender(Api(), marks_content=True).content(delivery()).tags
    assert {key: marked[key] for key in plain} == plain
    assert [*marked.keys() - plain.keys()] == ["fairmind.content_digest"]
    assert len(marked["fairmind.content_digest"]) == 64


def test_links_begin_with_the_public_pages() -> None:
    given = sender(Api(), pages="http://pages").content(delivery())
    assert given.tags != sender(Api()).content(delivery()).tags


@pytest.mark.parametrize("error", [REFUSED, GONE])
def test_a_run_whose_content_is_refused_for_good_is_ended_as_failed(
    error: MlflowRefusedError,
) -> None:
    api = Api(log_batch=error)
    with pytest.raises(MlflowRefusedError):
        sender(api).fill(delivery(), "r", StoredRun())
    assert api.made("fail_run") == [["r"]]


@pytest.mark.parametrize(
    "meanwhile", [UncertainError("no reply"), ProviderOfflineError("away"), REFUSED]
)
def test_that_it_could_not_be_ended_hides_nothing(meanwhile: Exception) -> None:
    with pytest.raises(MlflowRefusedError, match="gone"):
        sender(Api(log_batch=GONE, fail_run=meanwhile)).fill(delivery(), "r", StoredRun())


def test_news_the_run_has_are_not_sent_again() -> None:
    one = sender(api := Api())
    content = one.content(delivery())
    news = [TagText("a", "1"), TagText("b", "2")]
    whole = StoredRun(
        tags=content.tags | {"a": "1", "b": "old"},
        params=frozenset(content.params),
        metrics=frozenset(point.key for point in content.points),
    )
    one.fill(delivery(), "r", whole, news=news)
    assert api.made("log_batch") == [["r", [TagText("b", "2")]]]


def test_a_refused_batch_goes_in_halves_and_tells_that_it_came_further() -> None:
    class Small(Api):
        def log_batch(self, run_id: str, batch: list[Any]) -> None:
            self.calls.append(("log_batch", run_id, len(batch)))
            if len(batch) > 2:
                raise NotMlflowError("too large")

    told: list[None] = []
    many = delivery(results={f"m{number}": number / 8 for number in range(5)})
    sender(api := Small()).fill(many, "r", StoredRun(), lambda: told.append(None))
    sizes = [size for _, size in api.made("log_batch")]
    taken = [size for size in sizes if size <= 2]
    assert ({run for run, _ in api.made("log_batch")}, sum(taken)) == ({"r"}, sizes[0])
    assert len(told) >= len(taken) - 1


def whole_but_points(one: RunSender, count: int) -> StoredRun:
    content = one.content(with_points(count))
    return StoredRun(tags=content.tags, params=frozenset(content.params))


def with_points(count: int) -> Delivery:
    return delivery(results={f"m{number}": number / 8 for number in range(count)})


def test_a_refused_batch_is_halved_and_what_passed_is_the_size_of_later_ones() -> None:
    class OfTwo(Api):
        def log_batch(self, _run_id: str, batch: list[Any]) -> None:
            self.calls.append(("log_batch", len(batch)))
            if len(batch) > 2:
                raise REFUSED

    one = sender(api := OfTwo())
    sizes = []
    for count in (4, 3, 5):
        one.fill(with_points(count), "r", whole_but_points(one, count))
        sizes.append([size for (size,) in api.made("log_batch")])
        api.calls.clear()
    assert sizes == [[4, 2, 2], [2, 1], [2, 1, 2]]


def test_after_a_refusal_that_taught_something_the_run_is_looked_at() -> None:
    class Older(Api):
        def log_batch(self, run_id: str, batch: list[Any]) -> None:
            self.calls.append(("log_batch", run_id, len(batch)))
            if any(len(getattr(entry, "value", "")) > 500 for entry in batch if is_param(entry)):
                raise REFUSED

    sender(api := Older()).fill(LONG, "r", StoredRun())
    assert api.made("stored_run") == [["r"]]


def is_param(entry: object) -> bool:
    return isinstance(entry, ParamText)


def test_tags_are_shortened_as_often_as_they_are_refused() -> None:
    class Oldest(Api):
        def create_run(self, *given: Any) -> RunPlace:
            self.calls.append(("create_run", *given))
            if any(len(value) > 250 for value in given[-1].values()):
                raise REFUSED
            return RunPlace("r", "")

    one = sender(api := Oldest())
    long = delivery(results={"summary": "s" * 7_000})
    _, stored = one.create(long, one.content(long), "7")
    longest = [max(map(len, tags.values())) for *_, tags in api.made("create_run")]
    assert (longest, len(stored.tags["summary"])) == ([7_073, 5_000, 250], 250)


def test_tags_that_come_late_are_shortened_where_they_are_refused() -> None:
    class Older(Api):
        def log_batch(self, _run_id: str, batch: list[Any]) -> None:
            tags = {tag.key: tag.value for tag in batch if isinstance(tag, TagText)}
            self.calls.append(("log_batch", tags))
            if any(len(value) > 5_000 for value in tags.values()):
                raise REFUSED

    sender(api := Older()).fill(delivery(results={"summary": "s" * 7_000}), "r", StoredRun())
    taken = [tags["summary"] for (tags,) in api.made("log_batch") if "summary" in tags]
    assert [len(taken[0]), len(taken[-1])] == [7_000, 5_000]
