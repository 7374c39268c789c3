"""Creates a run and sends its content in batches; after a refusal, sends smaller batches, or otherwise, by
limits that it learns.

Servers differ: older ones refuse ':' in keys and long parameters, those of other makers take fewer metrics in
a batch, and a gateway in between may refuse large requests. What a refusal taught counts for all later runs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from fairmind_sync.errors import ProviderUnavailableError
from fairmind_sync.event_log import get_logger
from fairmind_sync.providers.adjustments import log_adjustments
from fairmind_sync.providers.mlflow.content import (
    CONTENT_TAG,
    DELIVERY_KEY_TAG,
    NEWEST,
    MlflowContent,
    content_of,
)
from fairmind_sync.providers.mlflow.limits import ServerLimits
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
    UncertainError,
)
from fairmind_sync.results.content_digest import content_digest
from fairmind_sync.results.delivery import Delivery
from fairmind_sync.results.name_choice import NEWEST_NAMES, Names

INACTIVE = "must be in the 'active' state"

log = get_logger()


class _EntryRefusedError(Exception):
    """The server refuses a batch of one entry, for `reason`."""

    def __init__(self, entry: Entry, reason: MlflowRefusedError) -> None:
        self.entry = entry
        self.reason = reason


class RunSender:
    """Makes and completes runs by a `RunsApi`, within the limits that the server has shown so far."""

    def __init__(
        self,
        api: RunsApi,
        project: str,
        names: Names = NEWEST_NAMES,
        pages: str | None = None,
        *,
        marks_content: bool = False,
    ) -> None:
        self._marks_content = marks_content
        self._api = api
        self._project = project
        self._names = names
        self._pages = pages
        self._limits = NEWEST
        self._learning = threading.Lock()

    def content(self, delivery: Delivery) -> MlflowContent:
        """Returns what the delivery's run is to hold, within the limits that the server has shown so far."""
        whole = content_of(delivery, self._project, self._limits, self._names, self._pages)
        if not self._marks_content:
            return whole
        digest = content_digest(delivery.result)
        return replace(whole, tags=whole.tags | {CONTENT_TAG: digest})

    def create(
        self, delivery: Delivery, content: MlflowContent, experiment_id: str
    ) -> tuple[RunPlace, StoredRun]:
        """Makes the delivery's run; returns the run's place, and what the run has.

        The run gets all its tags at once; where a gateway refuses that, only the tag that finds the run.
        """
        try:
            return self._created(content, experiment_id, content.tags)
        except MlflowRefusedError as error:
            teach = partial(ServerLimits.after_refused_run, tags=[*content.tags.values()])
            return self.create(
                delivery, self._learned(delivery, content, teach, error), experiment_id
            )
        except NotMlflowError:
            key = {DELIVERY_KEY_TAG: content.tags[DELIVERY_KEY_TAG]}
            return self._created(content, experiment_id, key)

    def fill(
        self,
        delivery: Delivery,
        run_id: str,
        stored: StoredRun,
        progressed: Callable[[], None] = lambda: None,
        news: Sequence[TagText] = (),
        content: MlflowContent | None = None,
    ) -> None:
        """Sends what the run lacks, and nothing twice: some servers refuse what they have already.

        `content` is the delivery's, if the caller has it. The tags of `news` are sent unless the run has them
        with these values. Calls `progressed` between two requests. A run whose content the server refuses for
        good is ended as FAILED.
        """
        try:
            whole = content or self.content(delivery)
            sent = self._filled(delivery, whole, run_id, stored, progressed, news)
        except MlflowRefusedError:
            with suppress(MlflowRefusedError, UncertainError, ProviderUnavailableError):
                self._api.fail_run(run_id)
            raise
        log_adjustments(delivery, sent.adjusted)

    def _created(
        self, content: MlflowContent, experiment_id: str, tags: Mapping[str, str]
    ) -> tuple[RunPlace, StoredRun]:
        run = self._api.create_run(experiment_id, content.name, content.started_at, tags)
        return run, StoredRun(tags=dict(tags))

    def _filled(
        self,
        delivery: Delivery,
        content: MlflowContent,
        run_id: str,
        stored: StoredRun,
        progressed: Callable[[], None],
        news: Sequence[TagText],
    ) -> MlflowContent:
        """Sends what the run lacks; returns the content that the run has then."""
        while True:
            try:
                lacking = [tag for tag in news if stored.tags.get(tag.key) != tag.value]
                for number, batch in enumerate(_with_news(lacking, content.batches(stored))):
                    if number:
                        progressed()
                    self._send(run_id, batch, progressed)
            except _EntryRefusedError as refused:
                teach = partial(_after, entry=refused.entry, content=content)
                content = self._learned(delivery, content, teach, refused.reason)
                stored = self._api.stored_run(run_id)
            else:
                return content

    def _send(self, run_id: str, batch: list[Entry], progressed: Callable[[], None]) -> None:
        """Sends the batch, in halves where the whole is refused, or as many entries were before."""
        if len(batch) > self._limits.most_entries:
            self._send_halves(run_id, batch, progressed)
            return
        try:
            self._api.log_batch(run_id, batch)
        except (MlflowRefusedError, NotMlflowError) as error:
            if is_of_run(error):
                raise
            if len(batch) == 1 and isinstance(error, MlflowRefusedError):
                raise _EntryRefusedError(batch[0], error) from error
            if len(batch) == 1:
                raise
            self._send_halves(run_id, batch, progressed)
            half = (len(batch) + 1) // 2
            with self._learning:
                most = min(self._limits.most_entries, half)
                self._limits = replace(self._limits, most_entries=most)

    def _send_halves(self, run_id: str, batch: list[Entry], progressed: Callable[[], None]) -> None:
        middle = (len(batch) + 1) // 2
        for half in (batch[:middle], batch[middle:]):
            progressed()
            self._send(run_id, half, progressed)

    def _learned(
        self,
        delivery: Delivery,
        refused: MlflowContent,
        teach: Callable[[ServerLimits], ServerLimits | None],
        error: Exception,
    ) -> MlflowContent:
        """Goes on with the limits that the refusal teaches, and returns the content within them.

        Raises the error if there are none, or the content is the same. Other threads learn at the same time:
        each adds to what the others have learned, and maybe only this content is older.
        """
        with self._learning:
            limits = teach(self._limits)
            is_new = limits not in (None, self._limits)
            self._limits = limits or self._limits
        if limits is None:
            raise error
        if is_new:
            log.warning("provider.takes_less", provider="mlflow", reason=str(error))
        content = self.content(delivery)
        if _keys_and_texts(content) == _keys_and_texts(refused):
            raise error
        return content


def _with_news(news: Sequence[TagText], batches: Iterator[list[Entry]]) -> Iterator[list[Entry]]:
    """Yields the batches, the news in the first; they alone where there is no batch."""
    first = [*news, *next(batches, ())]
    if first:
        yield first
    yield from batches


def _keys_and_texts(content: MlflowContent) -> tuple[object, ...]:
    """Returns what limits change; not the numbers, of which NaN differs from itself."""
    return content.tags, content.params, [point.key for point in content.points]


def is_of_run(error: Exception) -> bool:
    """Returns whether the run itself is refused, because it is gone, whatever is sent to it."""
    return isinstance(error, MlflowRefusedError) and (
        error.code == "RESOURCE_DOES_NOT_EXIST" or INACTIVE in str(error)
    )


def _after(limits: ServerLimits, entry: Entry, content: MlflowContent) -> ServerLimits | None:
    """Returns limits by which the refused entry is sent otherwise; None if there are none."""
    match entry:
        case TagText():
            return limits.after_refused_run([entry.value])
        case ParamText():
            return limits.after_refused_entry(entry.key, entry.value, content.params)
        case MetricPoint():
            return limits.after_refused_entry(
                entry.key, "", [point.key for point in content.points]
            )
