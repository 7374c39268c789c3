"""Delivers for `drain` and `save --drain`, with `--timeout`, and prints what is left and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fairmind_sync.cli.output import say

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from fairmind_sync.settings import Settings

Timeout = Annotated[
    float | None,
    typer.Option(
        "--timeout", min=0, metavar="SECONDS", help="Begin no delivery after so many seconds."
    ),
]


def deliver(engine: Engine, settings: Settings, most_seconds: float | None) -> dict[str, int]:
    """Delivers what is due; says of each provider with deliveries left, or that takes none, why.

    Returns:
        How many deliveries are left by provider, for each that a saved result is owed to.

    Raises:
        NoProviderError: no provider is enabled.
        SettingsError: a setting of deliveries is wrong.
    """
    from fairmind_sync import logs
    from fairmind_sync.errors import NoProviderError
    from fairmind_sync.operating.progress import drain_with_progress
    from fairmind_sync.operating.status import reasons_of
    from fairmind_sync.settings import OF_DELIVERIES

    logs.configure(settings)
    settings.require(*OF_DELIVERIES)
    if not settings.owed:
        raise NoProviderError
    left = drain_with_progress(engine, settings, most_seconds)
    reasons = reasons_of(engine, settings.owed)
    for provider, count in left.items():
        why = reasons.pop(provider, "See: fairmind-sync status")
        say(f"{provider}: {count} undelivered. {why}", is_wrong=True)
    for provider, why in reasons.items():
        say(f"{provider}: nothing is left to deliver, but it takes no runs. {why}", is_wrong=True)
    return {name: left.get(name, 0) for name in settings.owed}
