"""A model of W&B and its SDK: an upload is three requests, and what was stored is shown later.

tests/simulation/test_wandb_model.py asks the model, and the real SDK against the stand-in of the service,
the same questions: what is shown of runs that are whole, sent twice, without numbers, unfinished, deleted,
unknown, and opened again by a late request; which disturbances of an upload are overcome, which fail it, and
which lose all of it without a word; what becomes of a deleted id, of a run and of a project that is refused;
what the small requests tell of a service that is busy, away or silent, or refuses the key. Of files
tests/simulation/test_wandb_model_files.py asks which are left out without a word, and what becomes of a
finished run to which some are added. The providers'
contract (tests/providers/test_contract.py) passes over the model as over the real SDK.
Only the model says how long requests take, that what was stored is shown later, and that a request may arrive
long after nobody waits any more. What the service itself does is known as far as the stand-in is like W&B.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import TypeVar

from fairmind_sync.errors import ProviderBlockedError, ProviderOfflineError
from fairmind_sync.providers.wandb.content import WandbContent
from fairmind_sync.providers.wandb.held import Held
from fairmind_sync.providers.wandb.run_files import RunFiles, md5
from fairmind_sync.providers.wandb.sdk import (
    INIT_TIMEOUT_S,
    RunRefusedError,
    UploadError,
    WandbRefusedError,
)
from fairmind_sync.results.delivery import Run
from tests.simulation.file_stores import StoreFailedError
from tests.simulation.network import NoReplyError, RefusedError, Service, StatusError, Wire

_Result = TypeVar("_Result")
ADDRESS, PLACE = "https://wandb.simulated", "team/project"
REFUSED = "refused by wandb"
_LONGEST_S, _PATIENCE_S, _BETWEEN_S = INIT_TIMEOUT_S, 3.0, 2.0
_TRIES_OF_A_FILE, _PATIENCE_WITH_A_FILE_S, _BETWEEN_FILES_S = 2, 4.0, 0.5
_FORBIDDEN = 403


@dataclass
class WandbRun:
    """A run as W&B keeps it; `takes_files` while it is open for more files alone."""

    id: str
    content: WandbContent
    state: str = "running"
    is_deleted: bool = False
    digest: str = ""
    history_lines: int = 0
    ended: set[int] = field(default_factory=set)
    files: dict[str, bytes] = field(default_factory=dict)
    takes_files: bool = False

    @property
    def is_whole(self) -> bool:
        return self.state == "finished" and self.digest == self.content.digest

    @property
    def value(self) -> float | None:
        value = self.content.row.get("accuracy")
        return float(value) if value is not None else None

    def shown(self) -> Held:
        content = self.content
        return Held(
            state=self.state,
            digest=self.digest,
            history_lines=self.history_lines,
            config=content.config,
            tags=frozenset(content.tags),
            notes=content.description,
            shapes={"group": content.group, "job type": content.job_type},
            files={name: md5(content) for name, content in self.files.items()},
            run=Run(self.id, f"{ADDRESS}/{PLACE}/runs/{self.id}"),
            destination=PLACE,
        )


@dataclass
class WandbService(Service):
    """The service's runs by id, and what its public API shows of them, `lag` seconds later."""

    lag: float = 0.0
    runs: dict[str, WandbRun] = field(default_factory=dict)
    page: dict[str, Held] = field(default_factory=dict)
    uploads: Iterator[int] = field(default_factory=lambda: count(1))

    def upsert(self, run_id: str, content: WandbContent, upload: int = 0) -> None:
        """Opens the run; a repetition after the end of its own `upload` is taken to change nothing.

        Of what wandb-core repeats by itself the product sees nothing, so can't suspect it.
        """
        if content.group == REFUSED:
            raise WandbRefusedError("W&B refuses this model")
        run = self.runs.setdefault(run_id, WandbRun(run_id, content))
        if upload in run.ended:
            return
        if run.is_deleted:
            raise WandbRefusedError("the run was deleted at W&B: previously created and deleted")
        run.state, run.content, run.takes_files = "running", content, False
        self._show(run)

    def stream(self, run_id: str, content: WandbContent) -> None:
        """The summary, which has the digest; the history comes with the end."""
        run = self.runs[run_id]
        run.digest = content.digest
        self._show(run)

    def complete(self, run_id: str, content: WandbContent, upload: int = 0) -> None:
        run = self.runs[run_id]
        run.history_lines, run.digest, run.state = bool(content.row), content.digest, "finished"
        run.ended |= {upload} if upload else set()
        self._show(run)

    def open_again(self, run_id: str, upload: int) -> None:
        """For more files: all else of the run stays.

        That it runs until its next end is the worst that may be: the stand-in shows it as finished meanwhile.
        """
        run = self.runs[run_id]
        if run.is_deleted:
            raise WandbRefusedError("the run was deleted at W&B")
        if upload not in run.ended:
            run.state, run.takes_files = "running", True
            self._show(run)

    def store_file(self, run_id: str, name: str, content: bytes) -> None:
        if self.store.keeps(self.world.now):
            self.runs[run_id].files[name] = content
            self._show(self.runs[run_id])

    def end(self, run_id: str, upload: int) -> None:
        run = self.runs[run_id]
        run.state, run.takes_files = "finished", False
        run.ended.add(upload)
        self._show(run)

    def delete(self, run_id: str) -> None:
        self.runs[run_id].is_deleted = True
        self.page.pop(run_id, None)

    def _show(self, run: WandbRun) -> None:
        shown = run.shown()

        def show() -> None:
            if not run.is_deleted:
                self.page[run.id] = shown

        self.world.after(self.lag, show)


class WandbModelSdk:
    """In the place of `providers.wandb.sdk.Sdk`: the same calls, over a simulated wire."""

    def __init__(self, wire: Wire, service: WandbService) -> None:
        self._wire = wire
        self._service = service
        self._in_use: set[str] = set()
        self._uploads = service.uploads
        self.is_clean = True

    def probe(self) -> None:
        self._ask("viewer", lambda: None)

    def upload(self, run_id: str, content: WandbContent, *, with_files: bool = True) -> None:
        """A file stream that is refused ends the upload without an error, as wandb-core does."""
        service, upload = self._service, next(self._uploads)
        with self._run(run_id, lambda: service.upsert(run_id, content, upload)) as until:
            if with_files:
                self._send_files(run_id, content.files, until)
            with suppress(StatusError):
                self._insist("stream", lambda: service.stream(run_id, content), run_id, until)
                self._insist(
                    "complete", lambda: service.complete(run_id, content, upload), run_id, until
                )

    def add_files(self, run_id: str, files: RunFiles) -> None:
        service, upload = self._service, next(self._uploads)
        with self._run(run_id, lambda: service.open_again(run_id, upload)) as until:
            self._send_files(run_id, files, until)
            with suppress(StatusError):
                self._insist("complete", lambda: service.end(run_id, upload), run_id, until)

    @contextmanager
    def _run(self, run_id: str, first_request: Callable[[], None]) -> Iterator[float]:
        """Opens an upload, and yields until when it may take; one that fails leaves wandb-core unclean."""
        try:
            self._open(run_id, first_request)
            yield self._soon()
        except Exception:
            self.is_clean = False
            raise

    def _open(self, run_id: str, first_request: Callable[[], None]) -> None:
        """Sends an upload's first request; an id of which that failed is in use until a restart."""
        if run_id in self._in_use:
            raise UploadError(f"ServerResponseError: run ID {run_id} is in use")
        self._in_use.add(run_id)
        try:
            self._insist("upsert", first_request, run_id, self._soon())
        except StatusError as refused:
            self._ask("upsert", lambda: None)  # of a run of its own: is it the project or this run?
            raise RunRefusedError("W&B refuses this run") from refused
        self._in_use.remove(run_id)

    def _send_files(self, run_id: str, files: RunFiles, until: float) -> None:
        """Files that are refused are left out without a word."""
        if not files.contents:
            return
        with suppress(StatusError):
            self._insist("create_files", lambda: None, run_id, until)
            for name, content in files.contents.items():
                self._put(run_id, name, content)

    def _put(self, run_id: str, name: str, content: bytes) -> None:
        """Has two tries, of which each has its patience; a file for which both fail is left out."""
        for _ in range(_TRIES_OF_A_FILE):
            try:
                self._wire.ask(
                    "store_file",
                    lambda: self._service.store_file(run_id, name, content),
                    run_id,
                    patience=_PATIENCE_WITH_A_FILE_S,
                )
            except (StatusError, StoreFailedError) as error:
                if error.status < 500:
                    return
            except (RefusedError, NoReplyError):
                pass
            else:
                return
            self._wire.process.sleep(_BETWEEN_FILES_S)

    def require_stream(self, run_id: str) -> None:
        """Only what asks for patience is told."""
        with suppress(ProviderBlockedError):
            self._ask("require_stream", lambda: None, run_id)

    def read_back(self, run_ids: Iterable[str]) -> dict[str, Held]:
        asked = list(run_ids)
        page = self._service.page
        return self._ask("read_back", lambda: {one: page[one] for one in asked if one in page})

    def shows_the_project(self) -> bool:
        return self._ask("project", lambda: True)

    def leads_elsewhere(self, destination: str | None) -> bool:
        return destination not in (None, PLACE)

    def restart(self) -> None:
        """Has wandb-core forget which ids are in use."""
        self._in_use.clear()
        self.is_clean = True

    def _soon(self) -> float:
        return self._wire.process.world.now + _LONGEST_S

    def _insist(self, what: str, effect: Callable[[], None], run_id: str, until: float) -> None:
        """Repeats a request as wandb-core does, which rests for as long as it is asked to.

        Raises:
            UploadError: until then no answer came.
            StatusError: the request is refused.
        """
        process = self._wire.process
        while True:
            try:
                self._wire.ask(what, effect, run_id, patience=_PATIENCE_S)
            except (RefusedError, NoReplyError, StatusError) as error:
                if _is_final(error):
                    raise
                left = until - process.world.now
                rest = max(_BETWEEN_S, error.after if isinstance(error, StatusError) else 0.0)
                process.sleep(max(0.0, min(rest, left)))
                if rest >= left:
                    raise UploadError(f"CommError: {error}") from error
            else:
                return

    def _ask(self, what: str, effect: Callable[[], _Result], key: str = "") -> _Result:
        try:
            return self._wire.ask(what, effect, key)
        except RefusedError as error:
            raise ProviderOfflineError(str(error), address=ADDRESS) from error
        except NoReplyError as error:
            raise ProviderOfflineError(str(error)) from error
        except StatusError as error:
            if _is_final(error):
                raise ProviderBlockedError("W&B refuses the key") from error
            raise ProviderOfflineError(str(error), timedelta(seconds=error.after)) from error


def _is_final(error: Exception) -> bool:
    return isinstance(error, StatusError) and error.status == _FORBIDDEN
