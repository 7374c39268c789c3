"""The command line: one verb a function. Exit codes: 0 done, 1 undelivered or wrong, 2 usage.

Verbs import what they need when they run: a worker process starts by importing this file.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from fairmind_sync import __version__
from fairmind_sync.errors import FairmindSyncError

if TYPE_CHECKING:
    from fairmind_sync.lookup import DeliveryRecord
    from fairmind_sync.settings import Settings

app = typer.Typer(
    help="Delivers FairMind's bias-test results to Weights & Biases and MLflow.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
db = typer.Typer(help="The local database.", no_args_is_help=True)
app.add_typer(db, name="db")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def main() -> None:
    """Runs the command line; a user's mistake is one line on standard error, not a traceback."""
    try:
        app()
    except FairmindSyncError as error:
        _fail(str(error))


@app.callback(invoke_without_command=True)
def options(
    *, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


@app.command()
def run() -> None:
    """Run the daemon: deliver what is saved, serve the REST API, until SIGTERM or Ctrl-C."""
    from fairmind_sync import daemon  # noqa: PLC0415 see above

    daemon.run(_settings())


@app.command()
def drain() -> None:
    """Deliver everything that is due, once; exit 0 only if nothing is left undelivered."""
    from fairmind_sync import logs  # noqa: PLC0415 see above
    from fairmind_sync.progress import drain_with_progress  # noqa: PLC0415 see above

    settings = _settings()
    logs.configure(settings)
    if not settings.enabled:
        _fail("MLOps integration not available: set MLOPS_PROVIDER to wandb, mlflow or both.")
    left = drain_with_progress(settings)
    for provider, count in left.items():
        typer.echo(f"{provider}: {count} undelivered. See: fairmind-sync status", err=True)
    raise typer.Exit(1 if left else 0)


@app.command()
def save(
    file: Annotated[str, typer.Argument(help="A JSON or JSON Lines file; '-' is standard input.")],
) -> None:
    """Save results: all of the file's, or none if one is wrong."""
    from fairmind_sync import bias_test_results, result_files  # noqa: PLC0415 see above

    text = sys.stdin.read() if file == "-" else _read(Path(file))
    results = result_files.parse(text)
    saved = bias_test_results.save_all(results, _settings())
    new = sum(one.is_new for one in saved)
    typer.echo(f"saved {new} results; {len(saved) - new} were there already")


@app.command()
def runs(
    test_id: Annotated[str | None, typer.Option(help="Only this test.")] = None,
    model_id: Annotated[str | None, typer.Option(help="Only this model.")] = None,
    provider: Annotated[str | None, typer.Option(help="wandb or mlflow.")] = None,
    status: Annotated[
        str | None, typer.Option(help="pending, delivered, dead or discarded.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 50,
    *,
    as_json: AsJson = False,
) -> None:
    """List deliveries and their runs."""
    from fairmind_sync.lookup import RunFilter  # noqa: PLC0415 see above

    found = _deliveries(
        RunFilter(test_id=test_id, model_id=model_id, provider=provider, status=status), limit
    )
    if as_json:
        _print_json([asdict(delivery) for delivery in found])
    else:
        _print_table(
            ("test", "provider", "status", "attempts", "run", "URL or error"),
            [
                (d.test_id, d.provider, d.status, d.attempts, d.run_id, d.run_url or d.last_error)
                for d in found
            ],
        )


@app.command()
def url(
    provider: Annotated[str | None, typer.Argument(help="wandb or mlflow.")] = None,
    run_id: Annotated[str | None, typer.Argument(help="The run's id.")] = None,
    test_id: Annotated[str | None, typer.Option(help="Every run of this test.")] = None,
) -> None:
    """Print a run's URL, from the local database."""
    from fairmind_sync import mlops_integration  # noqa: PLC0415 see above
    from fairmind_sync.lookup import RunFilter  # noqa: PLC0415 see above
    from fairmind_sync.settings import PROVIDERS  # noqa: PLC0415 see above

    if test_id is not None:
        found = _deliveries(RunFilter(test_id=test_id, provider=provider, status="delivered"), None)
        urls = [delivery.run_url for delivery in found]
    elif provider in PROVIDERS and run_id:
        urls = [mlops_integration.get_run_url(provider, run_id)]
    else:
        raise typer.BadParameter("give a provider (wandb, mlflow) and a run id, or --test-id")
    known = [url for url in urls if url]
    if not known:
        _fail("no URL is recorded for that. See: fairmind-sync runs")
    typer.echo("\n".join(known))


@app.command()
def status(*, as_json: AsJson = False) -> None:
    """Show each provider's state and backlog; exit 1 if something is dead or blocked."""
    from fairmind_sync import overview  # noqa: PLC0415 see above

    seen = overview.of(_settings(), datetime.now(UTC))
    if as_json:
        _print_json(seen)
    else:
        _print_status(seen)
    wrong = any(p["state"] == "blocked" or p["dead"] for p in seen["providers"].values())
    raise typer.Exit(1 if wrong else 0)


@app.command()
def resume(provider: Annotated[str, typer.Argument(help="wandb or mlflow.")]) -> None:
    """Try a provider again at once that was blocked or offline: you have fixed what was wrong."""
    from fairmind_sync import provider_state, schema  # noqa: PLC0415 see above
    from fairmind_sync.database import writing  # noqa: PLC0415 see above
    from fairmind_sync.settings import PROVIDERS  # noqa: PLC0415 see above

    names = [name for name in PROVIDERS if name == provider]
    if not names:
        raise typer.BadParameter("the providers are wandb and mlflow")
    with writing(schema.ready_engine(_settings().database_url)) as connection:
        unready = provider_state.probe_soon(connection, datetime.now(UTC), names)
    if unready:
        typer.echo(f"{provider} is tried again by the daemon, or by: fairmind-sync drain")
    else:
        typer.echo(f"{provider} is ready; there is nothing to resume")


@app.command()
def doctor(*, as_json: AsJson = False) -> None:
    """Check settings, database, disk, clock and providers; exit 1 if something needs you."""
    from fairmind_sync import doctor as examination  # noqa: PLC0415 see above

    findings = []
    for finding in examination.examine():
        findings.append(finding)
        if not as_json:
            typer.echo(f"{'ok   ' if finding.is_ok else 'WRONG'} {finding.check}: {finding.detail}")
            if finding.remedy:
                typer.echo(f"      {finding.remedy}")
    if as_json:
        _print_json([asdict(finding) | {"ok": finding.is_ok} for finding in findings])
    raise typer.Exit(0 if all(finding.is_ok for finding in findings) else 1)


@app.command()
def demo(
    directory: Annotated[
        Path | None, typer.Option(help="Keep the demo's files here; else they go at the end.")
    ] = None,
) -> None:
    """See it work: 20 bias results travel into a real MLflow server that is down at first."""
    from fairmind_sync.demo import story  # noqa: PLC0415 see above

    story.tell(directory)


@db.command("upgrade")
def db_upgrade() -> None:
    """Bring the database's schema up to date, after a backup copy."""
    from fairmind_sync import database, schema  # noqa: PLC0415 see above

    copy = schema.upgrade(database.shared_engine(_settings().database_url), datetime.now(UTC))
    typer.echo(f"schema {schema.HEAD}" + (f"; the copy before it is {copy}" if copy else ""))


@db.command("backup")
def db_backup(
    file: Annotated[Path, typer.Argument(help="A file that isn't there yet.")],
) -> None:
    """Copy the database while everybody goes on using it."""
    from fairmind_sync import database, maintenance  # noqa: PLC0415 see above

    engine = database.shared_engine(_settings().database_url)
    maintenance.copy_to(engine, file)
    _report_damage(maintenance.damage(database.open_engine(f"sqlite:///{file}")))
    typer.echo(f"the copy {file} is complete and sound")


@db.command("check")
def db_check() -> None:
    """Read the whole database and say what is wrong with it; exit 1 if anything is."""
    from fairmind_sync import database, maintenance  # noqa: PLC0415 see above

    engine = database.shared_engine(_settings().database_url)
    _report_damage(maintenance.damage(engine))
    typer.echo(f"{maintenance.file_of(engine)} is sound")


def _report_damage(lines: list[str]) -> None:
    if lines:
        _fail("the file is damaged:\n  " + "\n  ".join(lines))


def _settings() -> Settings:
    from fairmind_sync import settings  # noqa: PLC0415 see above

    return settings.current()


def _deliveries(wanted: Any, limit: int | None) -> list[DeliveryRecord]:
    from fairmind_sync import lookup, schema  # noqa: PLC0415 see above
    from fairmind_sync.database import reading  # noqa: PLC0415 see above

    with reading(schema.ready_engine(_settings().database_url)) as connection:
        return lookup.deliveries(connection, wanted, limit)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        _fail(f"{path} can't be read: {error}")


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2, default=str))


def _print_status(seen: dict[str, Any]) -> None:
    typer.echo(f"database {seen['database']}")
    typer.echo(f"daemon   {'alive' if seen['daemon_alive'] else 'not running'}")
    _print_table(
        ("provider", "state", "pending", "delivered", "dead", "discarded", "what to do"),
        [
            (
                name,
                p["state"] if p["enabled"] else "disabled",
                p["pending"],
                p["delivered"],
                p["dead"],
                p["discarded"],
                p["reason"],
            )
            for name, p in seen["providers"].items()
        ],
    )


def _print_table(header: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    from rich.console import Console  # noqa: PLC0415 see above
    from rich.table import Table  # noqa: PLC0415 see above

    table = Table()
    for name in header:
        table.add_column(name, overflow="fold")  # a shortened URL opens nothing
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    Console().print(table, markup=False)


def _fail(message: str) -> NoReturn:
    typer.echo(f"fairmind-sync: {message}", err=True)
    sys.exit(1)
