"""All calls to W&B's SDK: upload a run, add files, read runs back, restart wandb-core; what its errors mean.

An upload without an error proves nothing: `finish()` returns normally even if the service stored nothing. So
every upload is read back.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

import wandb
from wandb.errors import AuthenticationError, UsageError

from fairmind_sync import tracing
from fairmind_sync.errors import ProviderBlockedError
from fairmind_sync.providers.wandb.content import WandbContent
from fairmind_sync.providers.wandb.held import Held, held
from fairmind_sync.providers.wandb.login import log_in
from fairmind_sync.providers.wandb.mistakes import refuse_way
from fairmind_sync.providers.wandb.run_files import RunFiles
from fairmind_sync.providers.wandb.scratch import clear, require_room
from fairmind_sync.providers.wandb.sdk_answers import is_answer, raise_if_core_is_gone
from fairmind_sync.providers.wandb.service import refuse_key
from fairmind_sync.results.delivery import Run
from fairmind_sync.settings import Settings
from fairmind_sync.text import web_url

INIT_TIMEOUT_S = FINISH_TIMEOUT_S = 10.0
_PATIENCE = {
    f"x_{client}_{name}": seconds
    for client in ("graphql", "file_stream")
    for name, seconds in (
        ("retry_wait_min_seconds", 0.25),
        ("retry_wait_max_seconds", 2.0),
        ("timeout_seconds", 8.0),
    )
}
"""Settings of wandb-core's own retries, to fit into our time-outs; by default the first waits for seconds."""
_FILE_PATIENCE = {
    "x_file_transfer_retry_max": 1,
    "x_file_transfer_retry_wait_min_seconds": 0.25,
    "x_file_transfer_retry_wait_max_seconds": 0.5,
    "x_file_transfer_timeout_seconds": 4.0,
}
"""As above, for files: within a finish, so that a store that takes none holds no run's numbers back."""


class WandbRefusedError(Exception):
    """W&B will never take this run's content."""


class RunRefusedError(Exception):
    """W&B refused this run, while it takes others."""


class UploadError(Exception):
    """The upload failed, or nobody knows whether the upload succeeded."""


class Sdk:
    """One process's wandb-core, with settings that make wandb-core quick and quiet.

    `is_clean` says whether each id can be uploaded: one whose upload failed is in use until a restart.
    """

    def __init__(self, directory: Path, settings: Settings) -> None:
        self._directory = directory
        self._project = settings.wandb_project
        self._login = log_in()
        self._entity = settings.wandb_entity or self._login.entity
        self._viewer: str | None = None
        self._where_runs_are: str | None = None
        self.is_clean = True

    def probe(self) -> None:
        """Proves the destination by a small request, without the SDK and its retries.

        Raises:
            ProviderUnavailableError: W&B can't be reached, or takes no runs of ours; or there is no room for
                temporary files.
            ProviderBrokenError: the SDK's directory is gone.
        """
        require_room(self._directory)
        self._viewer = self._login.service.viewer_entity(self._entity, self._project)

    def upload(self, run_id: str, content: WandbContent, *, with_files: bool = True) -> None:
        """Logs one whole run; harmless to repeat, because of the fixed id and step, and fixed names of files.

        W&B may take the run and, without a word, none of its files.

        Raises:
            WandbRefusedError: W&B will never take this run.
            UploadError: this upload failed.
            ProviderUnavailableError: no upload would get through.
            ProviderBrokenError: wandb-core has died; this process can't upload any more.
        """
        given = {
            "name": content.name,
            "config": content.config,
            "tags": content.tags,
            "group": content.group or None,
            "job_type": content.job_type or None,
            "notes": content.description,
            "resume": "allow",
        }
        with (
            tracing.current().request("", "wandb upload", self._login.base_url),
            self._run(run_id, **given) as run,
        ):
            if with_files:
                _save(run, content.files)
            if content.row:
                run.log(content.row, step=0)
            run.summary.update(content.summary)

    def add_files(self, run_id: str, files: RunFiles) -> None:
        """Adds files to a finished run, and leaves all else of the run as it is.

        Raises:
            UploadError and the others as `upload`.
        """
        with self._run(run_id, resume="must") as run:
            _save(run, files)

    @contextmanager
    def _run(self, run_id: str, **given: Any) -> Iterator[Any]:
        """Opens a run, which is finished afterwards; raises the SDK's errors as ours."""
        try:
            run = wandb.init(
                project=self._project,
                entity=self._entity,
                id=run_id,
                mode="online",
                reinit="create_new",
                settings=self._run_settings(),
                **given,
            )
            _require_id(run_id, run)
            self._where_runs_are = run.entity
            yield run
            run.finish()
        except ProviderBlockedError:
            self.is_clean = False
            raise
        except Exception as error:  # noqa: BLE001 the SDKs raise what they like
            self.is_clean = False
            self._raise_translated(error)
        finally:
            for left in self._directory.glob(f"wandb/*-{run_id}*"):  # its logs have W&B's words
                shutil.rmtree(left, ignore_errors=True)

    def require_stream(self, run_id: str) -> None:
        """Asks the file stream of a run whose upload failed: only its own answer tells how long to rest.

        Raises:
            ProviderUnavailableError: the file stream takes nothing now.
        """
        if self._where_runs_are is not None:
            path = f"{self._where_runs_are}/{self._project}/{run_id}"
            self._login.service.require_stream(path)

    def read_back(self, run_ids: Iterable[str]) -> dict[str, Held]:
        """Returns by id what the service holds of these runs now, by one request; unknown runs are left out.

        Raises:
            ProviderUnavailableError: the runs can't be read now.
        """
        entity = self._where()
        if entity is None:
            return {}
        asked = list(run_ids)
        with tracing.current().request_for_all("wandb read back", asked):
            found = self._login.service.runs(entity, self._project, asked)
        return {node["name"]: self._held(node, entity) for node in found}

    def find_finished(self, test_id: str, content: str) -> Held | None:
        """Returns a finished run of the test with that digest of its content, whatever its id.

        Raises:
            ProviderUnavailableError: the runs can't be read now.
        """
        entity = self._where()
        if entity is None:
            return None
        nodes = self._login.service.finished_runs(entity, self._project, test_id)
        found = (self._held(node, entity) for node in nodes)
        return next((one for one in found if one.content == content), None)

    def shows_the_project(self) -> bool:
        """Returns whether W&B lets us see the project, so that a run that isn't there was deleted."""
        entity = self._where()
        return entity is not None and self._login.service.has_project(entity, self._project)

    def leads_elsewhere(self, destination: str | None) -> bool:
        """Returns whether a run that was delivered there is in another project than the one that we ask."""
        entity = self._where()
        return None not in (destination, entity) and destination != f"{entity}/{self._project}"

    def _held(self, node: Mapping[str, Any], entity: str) -> Held:
        run_id = str(node["name"])
        run = Run(run_id, web_url(self._login.run_url(entity, self._project, run_id)))
        return held(node, run, f"{entity}/{self._project}")

    def _where(self) -> str | None:
        """Returns the entity of our runs; None where no setting and no run of this process tells."""
        known = self._entity or self._where_runs_are or self._viewer
        if known is None:
            self.probe()
        return known or self._viewer

    def restart(self) -> None:
        """Ends wandb-core, which leaks descriptors and remembers failed ids; the next call starts another."""
        with suppress(Exception, SystemExit):
            wandb.teardown()
        self.is_clean = True
        clear(self._directory)
        self._login = log_in(self._login.base_url)

    def _run_settings(self) -> wandb.Settings:
        """Returns settings that make wandb-core quick and quiet, as far as this SDK knows them."""
        wanted: dict[str, Any] = dict(
            base_url=self._login.base_url,
            silent=True,
            console="off",
            symlink=False,
            disable_git=True,
            disable_code=True,
            save_code=False,
            program="fairmind-sync",
            x_disable_meta=True,
            x_disable_stats=True,
            x_disable_machine_info=True,
            x_save_requirements=False,
            x_primary=False,
            x_skip_transaction_log=True,
            init_timeout=INIT_TIMEOUT_S,
            finish_timeout=FINISH_TIMEOUT_S,
            finish_timeout_raises=True,
            **_PATIENCE,
            **_FILE_PATIENCE,
            stop_fn=lambda: None,  # the page's Stop button would interrupt our main thread
            root_dir=str(self._directory),
        )
        known = wandb.Settings.model_fields
        return wandb.Settings(**{name: value for name, value in wanted.items() if name in known})

    def _raise_translated(self, error: Exception) -> NoReturn:
        """Raises the SDK's error as one of ours; without room for files, that is what the error comes of."""
        require_room(self._directory)
        raise_if_core_is_gone(error)
        name, message = type(error).__name__, str(error)
        refuse_way(message)
        if isinstance(error, AuthenticationError) or "no API key" in message:
            refuse_key(message)
        if "previously created and deleted" in message:
            raise WandbRefusedError(f"the run was deleted at W&B: {message}") from error
        if is_answer(error):
            self._raise_refused(message)
        if isinstance(error, UsageError) or name == "ValidationError":
            raise WandbRefusedError(message) from error
        raise UploadError(f"{name}: {message}") from error

    def _raise_refused(self, message: str) -> NoReturn:
        """Raises what a refusal means: W&B takes none of our runs there, or not this one."""
        self._login.service.require_runs(self._entity, self._project)
        raise RunRefusedError(f"W&B refuses this run: {message}")


def _save(run: Any, files: RunFiles) -> None:
    """Has the SDK upload the files, from the run's own directory: the SDK would link others into that."""
    for name, content in files.contents.items():
        file = Path(run.dir) / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        run.save(str(file), base_path=run.dir, policy="now")


def _require_id(run_id: str, run: Any) -> None:
    if run.id != run_id:
        raise ProviderBlockedError(
            f"W&B made a run of another id, {run.id}, than we asked for. Something shapes our runs, such as "
            "a sweep in a variable or settings file of W&B: remove it."
        )
