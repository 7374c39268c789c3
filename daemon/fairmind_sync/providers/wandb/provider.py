"""How a delivery becomes one W&B run.

We choose the run id: it is the delivery key, durable since the save. Resuming that id with a fixed step makes
a repeated upload harmless. 'Delivered' needs the service's own word: finished, our digest, the history row.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence

import structlog

from fairmind_sync.delivery import Delivery
from fairmind_sync.errors import FairmindSyncError
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.providers.base import (
    Dead,
    Delivered,
    Journal,
    Ledger,
    Report,
    Retry,
    run_in_threads,
)
from fairmind_sync.providers.wandb.content import Content, content_of
from fairmind_sync.providers.wandb.sdk import Held, RejectedError, Sdk, Uploaded, UploadError
from fairmind_sync.settings import Settings

READ_BACK_DELAYS_S = (0.0, 0.2, 0.5, 1.0, 2.0, 4.0)
"""The service may take a moment to show what it took."""
RUNS_PER_CORE = 100
_READ_AT_ONCE = 100

log = structlog.get_logger()


class WandbProvider:
    """Uploads in eight threads, then reads the whole batch back at once."""

    name: ProviderName = "wandb"
    batch_size = 32
    threads = 8

    def __init__(self, sdk: Sdk, settings: Settings) -> None:
        self._sdk = sdk
        self._settings = settings
        self._runs_of_core = 0
        self._core_is_clean = True

    def probe(self) -> None:
        self._sdk.viewer_entity()

    def deliver(
        self, deliveries: Sequence[Delivery], journal: Journal, may_start: Callable[[], bool]
    ) -> Generator[Report]:
        self.probe()  # cheap, where each init would wait for its time-out
        contents = {delivery.id: self._content(delivery) for delivery in deliveries}
        complete = self._already_complete(deliveries, contents)
        yield from ((delivery, outcome) for delivery, outcome in complete)
        done = {delivery.id for delivery, _ in complete}
        waiting = [delivery for delivery in deliveries if delivery.id not in done]
        try:
            yield from self._upload_and_confirm(waiting, contents, journal, may_start)
        finally:
            self._recycle(len(waiting))

    def sweep(self, suspects: Sequence[str], ledger: Ledger) -> None:
        """Looks for runs that a late process of ours opened again after they were delivered."""
        for first in range(0, len(suspects), _READ_AT_ONCE):
            held = self._sdk.read_back(suspects[first : first + _READ_AT_ONCE])
            for key, run in held.items():
                if run.state != "finished":
                    ledger.deliver_again(key, f"the run is {run.state} at W&B")

    def close(self) -> None:
        self._sdk.restart()

    def _upload_and_confirm(
        self,
        deliveries: Sequence[Delivery],
        contents: dict[int, Content],
        journal: Journal,
        may_start: Callable[[], bool],
    ) -> Generator[Report]:
        """What was uploaded is confirmed even if W&B stopped taking more on the way."""
        uploaded: list[Delivery] = []
        stopped_by: FairmindSyncError | None = None
        uploads = run_in_threads(
            deliveries,
            lambda delivery: self._upload(delivery, contents[delivery.id], journal),
            may_start,
            self.threads,
        )
        try:
            for delivery, outcome in uploads:
                if isinstance(outcome, Uploaded):
                    uploaded.append(delivery)
                else:
                    self._core_is_clean = False
                    yield delivery, outcome
        except FairmindSyncError as error:
            stopped_by = error
        yield from self._confirm(uploaded, contents)
        if stopped_by:
            raise stopped_by

    def _content(self, delivery: Delivery) -> Content:
        content = content_of(delivery, self._settings.wandb_project)
        if content.adjusted:
            log.warning(
                "delivery.content_adjusted", delivery=delivery.id, adjusted=content.adjusted
            )
        return content

    def _already_complete(
        self, deliveries: Sequence[Delivery], contents: dict[int, Content]
    ) -> list[tuple[Delivery, Delivered]]:
        """Those that an earlier attempt finished without being able to record it."""
        doubtful = [one for one in deliveries if one.create_attempted_at is not None]
        if not doubtful:
            return []
        held = self._sdk.read_back(one.key for one in doubtful)
        return [
            (one, _delivered(held[one.key].uploaded))
            for one in doubtful
            if one.key in held and _is_complete(held[one.key], contents[one.id])
        ]

    def _upload(
        self, delivery: Delivery, content: Content, journal: Journal
    ) -> Uploaded | Retry | Dead:
        if content.is_too_large():
            return Dead("too_large", "W&B takes at most 10 MB of metrics and summary in a run")
        journal.creating(delivery, self._settings.wandb_project)
        try:
            return self._sdk.upload(delivery.key, content)
        except RejectedError as error:
            return Dead("rejected", str(error))
        except UploadError as error:
            return Retry("upload_failed", str(error))

    def _confirm(
        self, uploaded: Sequence[Delivery], contents: dict[int, Content]
    ) -> Generator[Report]:
        """Yields Delivered for what the service holds completely, Retry for what it still doesn't."""
        missing = {delivery.key: delivery for delivery in uploaded}
        held: dict[str, Held] = {}
        for delay in READ_BACK_DELAYS_S:
            if not missing:
                return
            time.sleep(delay)
            held = self._sdk.read_back(missing)
            for key, found in held.items():
                if _is_complete(found, contents[missing[key].id]):
                    yield missing.pop(key), _delivered(found.uploaded)
        for key, delivery in missing.items():
            yield delivery, Retry("unconfirmed", _what_is_missing(held.get(key)))

    def _recycle(self, runs: int) -> None:
        """A core leaks descriptors with each run, and a failed id stays poisoned in it."""
        self._runs_of_core += runs
        if not self._core_is_clean or self._runs_of_core >= RUNS_PER_CORE:
            self._sdk.restart()
            self._runs_of_core, self._core_is_clean = 0, True


def _delivered(uploaded: Uploaded) -> Delivered:
    return Delivered(uploaded.run, uploaded.destination)


def _is_complete(held: Held, content: Content) -> bool:
    return (
        held.state == "finished"
        and held.digest == content.digest
        and held.history_lines >= bool(content.row)
    )


def _what_is_missing(held: Held | None) -> str:
    if held is None:
        return "the upload ended without an error, but W&B doesn't hold the run"
    return (
        "the upload ended without an error, but W&B doesn't hold all of the run: "
        f"state {held.state}, {held.history_lines} history lines"
    )
