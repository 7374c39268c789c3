"""What all verbs share: the application, `--json`, `--version`,
settings with a late log, the opened database, who acts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fairmind_sync import __version__
from fairmind_sync.cli.choices import A_PROVIDER
from fairmind_sync.provider_names import PROVIDERS, either

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from fairmind_sync.outbox.operator_log import Actor
    from fairmind_sync.settings import Settings

app = typer.Typer(
    help="Delivers FairMind's bias-test results to Weights & Biases and MLflow.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
PROVIDER_NAMES = f"{either(*PROVIDERS)}."
Provider = Annotated[str, typer.Argument(help=PROVIDER_NAMES, **A_PROVIDER)]


@app.callback(invoke_without_command=True)
def options(
    *, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def current_settings() -> Settings:
    """Returns the environment's settings; sets up a log of warnings, and logs what is set wrong."""
    from fairmind_sync import logs, settings

    current = settings.current_settings()
    logs.configure_late()
    logs.tell_mistakes(current)
    return current


def opened(settings: Settings) -> Engine:
    """Opens the settings' database, which gets today's schema if it is new."""
    from fairmind_sync.storage.schema import ready_engine

    return ready_engine(settings.database_url)


def opened_to_look() -> Engine:
    """Opens the database for a verb that reads no other setting, and logs warnings alone."""
    from fairmind_sync import logs
    from fairmind_sync.database_setting import database_url
    from fairmind_sync.storage.schema import ready_engine

    logs.configure_late()
    return ready_engine(database_url())


def by_command() -> Actor:
    """Returns the account that runs this command, as operators' actions are kept with who did them."""
    from fairmind_sync.outbox import operator_log

    return operator_log.of_this_process("command line")
