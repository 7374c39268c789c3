"""The command itself, and the types of what verbs have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fairmind_sync import __version__

if TYPE_CHECKING:
    from fairmind_sync.provider_names import ProviderName
    from fairmind_sync.settings import Settings

app = typer.Typer(
    help="Delivers FairMind's bias-test results to Weights & Biases and MLflow.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Provider = Annotated[str, typer.Argument(help="wandb or mlflow.")]


@app.callback(invoke_without_command=True)
def options(
    *, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def current_settings() -> Settings:
    from fairmind_sync import logs, settings  # noqa: PLC0415 verbs import when they run

    configured = settings.current()
    logs.configure(configured.model_copy(update={"log_level": "warning"}))
    return configured


def provider_named(name: str) -> ProviderName:
    from fairmind_sync.provider_names import PROVIDERS  # noqa: PLC0415 as above

    for provider in PROVIDERS:
        if provider == name:
            return provider
    raise typer.BadParameter(f"{name!r} is none of the providers: wandb, mlflow")
