"""Plays the demo: results are saved while MLflow is down, MLflow
starts, all results arrive; its settings, texts and end.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from fairmind_sync import daemon, logs
from fairmind_sync.demo.findings import findings, links, table_of_findings
from fairmind_sync.demo.tracking_server import held_port, tracking_server
from fairmind_sync.errors import ExtraNotInstalledError, FairmindSyncError
from fairmind_sync.intake.prepare import prepare
from fairmind_sync.intake.save import save_all
from fairmind_sync.operating.progress import drain_with_progress
from fairmind_sync.outbox import workload
from fairmind_sync.outbox.delivery_lookup import RunFilter, find
from fairmind_sync.results.states import DELIVERED
from fairmind_sync.settings import Settings, current_settings
from fairmind_sync.storage.engine import reading
from fairmind_sync.storage.schema import ready_engine

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from fairmind_sync.provider_names import ProviderName

_NEEDED = ("mlflow", "flask", "sklearn")
"""Flask belongs to MLflow's server, and not to mlflow-skinny."""

console = Console(highlight=False)


def _require_installed() -> None:
    """Does nothing where the whole of MLflow is installed, with its server, and scikit-learn.

    Raises:
        ExtraNotInstalledError: one of these is missing; the message names the pip command.
    """
    if missing := [package for package in _NEEDED if find_spec(package) is None]:
        raise ExtraNotInstalledError(
            "The demo trains models, and starts a server of the whole of MLflow; "
            f"there is no {' and no '.join(missing)} here. Run: pip install 'fairmind-sync[all]'"
        )


def tell(directory: Path | None, *, quietly: bool = False) -> list[str]:
    """Tells the whole story, or `quietly` prints nothing; returns the runs' URLs.

    Raises:
        FairmindSyncError: a part of the demo did not work; the message says which.
    """
    console.quiet = quietly
    _require_installed()
    with _place(directory) as place, held_port() as port:
        settings = _settings(place, port)
        logs.configure(settings)
        engine = ready_engine(settings.database_url)
        _save_results(engine, settings)
        console.print("\n[bold]2. MLflow is down.[/] Delivering now:")
        # the outage is part of the story: nobody has to be told of an error
        drain_with_progress(engine, settings.model_copy(update={"log_level": "critical"}))
        _show_backlog(engine, settings)
        console.print("\n[bold]3. MLflow comes up[/] (a real server; this takes some seconds) ...")
        with tracking_server(place, port):
            if left := drain_with_progress(engine, settings):
                raise FairmindSyncError(f"{sum(left.values())} deliveries are left: {_why(engine)}")
            stays = sys.stdout.isatty() and not quietly
            _show_findings(engine, {*settings.enabled} - ({"mlflow"} if not stays else set()))
            _tell_how_to_go_on(settings, stays=stays)
            if stays:
                _stay(settings)
        return [url for delivery in find(engine, RunFilter()) if (url := delivery.run_url)]


@contextmanager
def _place(directory: Path | None) -> Iterator[Path]:
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
        yield directory.resolve()
        return
    place = Path(tempfile.mkdtemp(prefix="fairmind-sync-demo-"))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _settings(place: Path, mlflow_port: int) -> Settings:
    """Returns the environment's settings with the demo's own places; W&B takes part where a key is set."""
    settings = current_settings()
    return settings.model_copy(
        update={
            "provider": "both" if settings.wandb_api_key else "mlflow",
            "database_url": f"sqlite:///{place / 'fairmind-sync.db'}",
            "mlflow_tracking_uri": f"http://127.0.0.1:{mlflow_port}",
            "mlflow_experiment_name": "fairmind_bias_detection",
            "api_port": 0,
            "log_level": "error",
        }
    )


def _save_results(engine: Engine, settings: Settings) -> None:
    from fairmind_sync.demo.lending import bias_tests  # scikit-learn takes a second

    console.print(
        "[bold]1. Training five loan models[/] and testing each for bias at four thresholds ..."
    )
    prepared = [
        prepare(
            test.test_id,
            "demo",
            test.model_id,
            "loans",
            "ml_bias",
            test.results,
            test.metadata,
            private_fields=settings.private_fields,
        )
        for test in bias_tests()
    ]
    saved = save_all(engine, prepared, settings.enabled)
    console.print(f"   {len(saved)} results saved in {engine.url.database}", soft_wrap=True)


def _show_backlog(engine: Engine, settings: Settings) -> None:
    with reading(engine) as connection:
        for provider in settings.enabled:
            backlog = workload.backlog(connection, provider)
            console.print(
                f"   {provider} is {backlog.state.state}: {backlog.counts['pending']} pending, "
                f"{backlog.counts['delivered']} delivered, {backlog.counts['dead']} lost"
            )


def _show_findings(engine: Engine, linked: Collection[ProviderName]) -> None:
    """Shows what was found, with links to the providers whose servers go on after the demo."""
    found = findings(engine)
    runs = len(find(engine, RunFilter(status=DELIVERED)))
    console.print(f"\n[bold]4. All {runs} runs are there.[/] Of men and of women were selected:\n")
    console.print(table_of_findings(found))
    for words, url in links(engine, found, linked):
        console.print(f"\n   {words}:")
        console.print(f"   {url}", soft_wrap=True)


def _tell_how_to_go_on(settings: Settings, *, stays: bool) -> None:
    if not stays:
        console.print(
            "\nTo open the runs in MLflow:  fairmind-sync demo, on a terminal; its server"
        )
        console.print("stays up there until Ctrl-C, and ended here.")
    if "wandb" not in settings.enabled:
        console.print("\nThe same in W&B as well:  WANDB_API_KEY=your-key fairmind-sync demo")
    console.print("Results of your own:       fairmind-sync save FILE, then fairmind-sync run")


def _why(engine: Engine) -> str:
    reasons = {found.last_error for found in find(engine, RunFilter()) if found.last_error}
    return "; ".join(sorted(reasons)) or "see the log above"


def _stay(settings: Settings) -> None:
    """Serves the status page, and leaves the MLflow server up, until Ctrl-C."""
    with held_port() as port:
        console.print(f"\nStatus page: http://127.0.0.1:{port}/  Ctrl-C ends all.")
        page = {"api_host": "127.0.0.1", "api_port": port, "log_level": "warning"}
        daemon.run(settings.model_copy(update=page))
