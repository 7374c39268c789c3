"""The options that choose deliveries or results; a verb takes those that make sense for it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from fairmind_sync.cli import when
from fairmind_sync.cli.choices import A_PROVIDER, choice
from fairmind_sync.cli.command import PROVIDER_NAMES
from fairmind_sync.provider_names import either
from fairmind_sync.results.risk_levels import LEVELS
from fairmind_sync.results.states import STATUSES

_PANEL = "Which ones"

OfTest = Annotated[
    str | None, typer.Option("--test-id", help="Only of this test.", rich_help_panel=_PANEL)
]
OfModel = Annotated[
    str | None, typer.Option("--model-id", help="Only of this model.", rich_help_panel=_PANEL)
]
OfUser = Annotated[
    str | None, typer.Option("--user-id", help="Only of this user.", rich_help_panel=_PANEL)
]
OfType = Annotated[
    str | None,
    typer.Option("--test-type", help="Only of this type of test.", rich_help_panel=_PANEL),
]
OfRisk = Annotated[
    str | None,
    typer.Option(
        "--risk",
        help=f"Only of this risk: {either(*LEVELS)}.",
        rich_help_panel=_PANEL,
        **choice(LEVELS, "risks"),
    ),
]
OfProvider = Annotated[
    str | None,
    typer.Option("--provider", help=PROVIDER_NAMES, rich_help_panel=_PANEL, **A_PROVIDER),
]
OfStatus = Annotated[
    str | None,
    typer.Option(
        "--status",
        help=f"{either(*STATUSES)}.",
        rich_help_panel=_PANEL,
        **choice(STATUSES, "statuses"),
    ),
]
WithError = Annotated[
    str | None,
    typer.Option("--error", help="Only with this in the last error.", rich_help_panel=_PANEL),
]
Since = Annotated[
    datetime | None,
    typer.Option(
        "--since",
        help=f"Only what was queued, or of results saved, then or later: {when.FORMS}.",
        rich_help_panel=_PANEL,
        **when.SINCE,
    ),
]
Until = Annotated[
    datetime | None,
    typer.Option(
        "--until",
        help="Only what was queued, or of results saved, before; a date alone is a whole day.",
        rich_help_panel=_PANEL,
        **when.UNTIL,
    ),
]
Limit = Annotated[
    int, typer.Option("--limit", min=1, max=10**6, help="At most so many, newest first.")
]
