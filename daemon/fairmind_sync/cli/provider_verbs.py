"""Verbs on providers: status, pause, resume."""

from __future__ import annotations

from typing import Any

import typer

from fairmind_sync.cli.command import (
    AsJson,
    Provider,
    by_command,
    current_settings,
    opened,
    provider_named,
)
from fairmind_sync.cli.output import print_json, print_table, say


def status(*, as_json: AsJson = False) -> None:
    """Show each provider's state and backlog; exit 1 if something is dead, blocked or set wrong."""
    from fairmind_sync.operating.status import overview
    from fairmind_sync.storage.engine import current_time

    settings = current_settings()
    engine = opened(settings)
    seen = overview(engine, settings, current_time(engine))
    if as_json:
        print_json(seen)
    else:
        _print_status(seen)
    wrong = seen["wrong_settings"] or seen["undecided"]
    wrong = wrong or any(p["state"] == "blocked" or p["dead"] for p in seen["providers"].values())
    raise typer.Exit(1 if wrong else 0)


def _print_status(seen: dict[str, Any]) -> None:
    say(f"database {seen['database']}")
    say(f"daemon   {'alive' if seen['daemon_alive'] else 'not running'}")
    if seen["undecided"]:
        say(f"{seen['undecided']} deliveries wait until MLOPS_PROVIDER names their providers")
    print_table(
        ("provider", "state", "pending", "delivered", "dead", "discarded", "what to do"),
        [
            (
                name,
                _state(p),
                p["pending"],
                p["delivered"],
                p["dead"],
                p["discarded"],
                p["reason"],
            )
            for name, p in seen["providers"].items()
        ],
    )

    for name, p in seen["providers"].items():
        if p["evidence_missing"]:
            say(
                f"{name}: {p['evidence_missing']} delivered runs lack their evidence. "
                "See: fairmind-sync evidence"
            )


def _state(provider: dict[str, Any]) -> str:
    if not provider["enabled"]:
        return "disabled"
    return "paused" if provider["paused_at"] else str(provider["state"])


def pause(provider: Provider, *, as_json: AsJson = False) -> None:
    """Hold a provider's deliveries back; what is under way ends as it would."""
    from fairmind_sync.operating import actions

    name = provider_named(provider)
    changed = actions.pause(opened(current_settings()), name, by_command())
    if as_json:
        print_json({"provider": name, "changed": changed})
    else:
        say(f"{name} is paused. To go on: fairmind-sync resume {name}")


def resume(provider: Provider, *, as_json: AsJson = False) -> None:
    """End a pause; try a provider again at once that was blocked or offline."""
    from fairmind_sync.operating import actions

    name = provider_named(provider)
    changed = actions.resume(opened(current_settings()), name, by_command())
    if as_json:
        print_json({"provider": name, "changed": changed})
    elif changed:
        say(f"{name} is tried again by the daemon, or by: fairmind-sync drain")
    else:
        say(f"{name} is ready; there is nothing to resume")
