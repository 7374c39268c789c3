"""Verbs on providers: status (with its exit code), pause, resume."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from operator import itemgetter
from typing import Any

import typer

from fairmind_sync.cli.command import AsJson, Provider, by_command, current_settings, opened
from fairmind_sync.cli.listing import Column, Listing, Part, ShownOn
from fairmind_sync.cli.output import print_json, say
from fairmind_sync.cli.watching import Watch, show_or_watch
from fairmind_sync.cli.when import age, shown
from fairmind_sync.operating.headline import state_of
from fairmind_sync.text import counted

_MOST_CAUSES = 5


def status(*, watch: Watch = False, as_json: AsJson = False) -> None:
    """Show each provider's state and backlog; exit 1 if something needs you.

    That is: something is dead, blocked or set wrong, or work waits and no daemon runs.

    Example: fairmind-sync status --watch
    """
    from fairmind_sync.operating.status import overview, with_dead_causes
    from fairmind_sync.storage.engine import current_time

    settings = current_settings()
    engine = opened(settings)

    def look() -> tuple[list[Part], int]:
        now = current_time(engine)
        seen = with_dead_causes(engine, overview(engine, settings, now))
        return [*_parts(seen, now)], 1 if _needs_somebody(seen) else 0

    if as_json:
        seen = with_dead_causes(engine, overview(engine, settings, current_time(engine)))
        print_json(seen)
        raise typer.Exit(1 if _needs_somebody(seen) else 0)
    raise typer.Exit(show_or_watch(look, is_watched=watch))


def _needs_somebody(seen: dict[str, Any]) -> bool:
    providers = seen["providers"].values()
    waits = seen["undecided"] or any(p["pending"] and p["enabled"] for p in providers)
    return bool(
        seen["wrong_settings"]
        or seen["undecided"]
        or any(p["state"] == "blocked" or p["dead"] for p in providers)
        or (waits and not seen["daemon_alive"])
    )


def _parts(seen: dict[str, Any], now: datetime) -> Iterator[Part]:
    yield f"database {seen['database']}"
    yield f"daemon   {'alive' if seen['daemon_alive'] else 'not running'}"
    if seen["undecided"]:
        owed = counted(seen["undecided"], "delivery waits", "deliveries wait")
        yield f"{owed} until MLOPS_PROVIDER names their providers"
    yield ""
    yield Listing(_columns(now), [{"name": name, **p} for name, p in seen["providers"].items()])
    for name, provider in seen["providers"].items():
        for step in provider["next_steps"]:
            yield f"{name}: {step['why'].rstrip('.')}. Next:"
            yield f"  {step['command']}"
        for cause in provider["dead_causes"][:_MOST_CAUSES]:
            yield f"{name}: {cause['count']:,} dead of the cause: {cause['cause']}"


def _columns(now: datetime) -> list[Column]:
    return [
        Column("provider", itemgetter("name")),
        Column("state", state_of),
        *_time("since", itemgetter("since"), now),
        Column("pending", itemgetter("pending"), is_number=True),
        *_time("oldest", itemgetter("oldest_pending_at"), now),
        Column(
            "handed over",
            lambda row: row["handed_over"] or None,
            place=ShownOn.TERMINAL,
            is_number=True,
            optional=True,
        ),
        Column("handed over", itemgetter("handed_over"), place=ShownOn.PIPE),
        Column("delivered", itemgetter("delivered"), is_number=True),
        *_time("last", itemgetter("last_success_at"), now),
        Column("dead", itemgetter("dead"), is_number=True),
        Column("discarded", itemgetter("discarded"), is_number=True),
    ]


def _time(name: str, of: Callable[[Any], datetime | None], now: datetime) -> tuple[Column, Column]:
    """Returns two columns: how long ago it was, for people, and when it was, for programs."""
    return (
        Column(name, lambda row: age(of(row), now), place=ShownOn.TERMINAL, is_number=True),
        Column(name, lambda row: shown(of(row)), place=ShownOn.PIPE),
    )


def pause(provider: Provider, *, as_json: AsJson = False) -> None:
    """Hold a provider's deliveries back; what is under way ends as it would.

    Example: fairmind-sync pause wandb
    """
    from fairmind_sync.operating import actions

    changed = actions.pause(opened(current_settings()), provider, by_command())
    if as_json:
        print_json({"provider": provider, "changed": changed})
    else:
        say(f"{provider} is paused. To go on: fairmind-sync resume {provider}")


def resume(provider: Provider, *, as_json: AsJson = False) -> None:
    """End a pause; try a provider again at once that was blocked or offline.

    Example: fairmind-sync resume wandb
    """
    from fairmind_sync.operating import actions

    changed = actions.resume(opened(current_settings()), provider, by_command())
    if as_json:
        print_json({"provider": provider, "changed": changed})
    elif changed:
        say(f"{provider} is tried again by the daemon, or by: fairmind-sync drain")
    else:
        say(f"{provider} is ready; there is nothing to resume")
