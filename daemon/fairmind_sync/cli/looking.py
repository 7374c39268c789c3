"""Verbs that only look; none needs the daemon."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fairmind_sync.cli.app import AsJson, current_settings
from fairmind_sync.cli.output import fail, print_json, print_table, say

if TYPE_CHECKING:
    from fairmind_sync.explanation import Explanation


def status(*, as_json: AsJson = False) -> None:
    """Show each provider's state and backlog; exit 1 if something is dead or blocked."""
    from fairmind_sync import overview, schema  # noqa: PLC0415 verbs import when they run

    configured = current_settings()
    seen = overview.of(configured, schema.now(configured.database_url))
    if as_json:
        print_json(seen)
    else:
        _print_status(seen)
    wrong = any(p["state"] == "blocked" or p["dead"] for p in seen["providers"].values())
    raise typer.Exit(1 if wrong else 0)


def runs(
    test_id: Annotated[str | None, typer.Option(help="Only this test.")] = None,
    model_id: Annotated[str | None, typer.Option(help="Only this model.")] = None,
    provider: Annotated[str | None, typer.Option(help="wandb or mlflow.")] = None,
    status: Annotated[
        str | None, typer.Option(help="pending, delivered, dead or discarded.")
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=10**6, help="At most so many, newest first.")
    ] = 50,
    *,
    as_json: AsJson = False,
) -> None:
    """List deliveries and their runs."""
    from fairmind_sync import operations  # noqa: PLC0415 as above
    from fairmind_sync.lookup import RunFilter  # noqa: PLC0415 as above

    wanted = RunFilter(test_id=test_id, model_id=model_id, provider=provider, status=status)
    found = operations.find(current_settings(), wanted, limit)
    if as_json:
        print_json([asdict(delivery) for delivery in found])
        return
    print_table(
        ("id", "test", "provider", "status", "attempts", "run", "URL or error"),
        [
            (d.id, d.test_id, d.provider, d.status, d.attempts, d.run_id, d.run_url or d.last_error)
            for d in found
        ],
    )


def url(
    provider: Annotated[str | None, typer.Argument(help="wandb or mlflow.")] = None,
    run_id: Annotated[str | None, typer.Argument(help="The run's id.")] = None,
    test_id: Annotated[str | None, typer.Option(help="Every run of this test.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Print a run's URL, from the local database."""
    from fairmind_sync import mlops_integration, operations  # noqa: PLC0415 as above
    from fairmind_sync.lookup import RunFilter  # noqa: PLC0415 as above
    from fairmind_sync.provider_names import PROVIDERS  # noqa: PLC0415 as above

    configured = current_settings()
    if test_id is not None:
        wanted = RunFilter(test_id=test_id, provider=provider, status="delivered")
        urls = [delivery.run_url for delivery in operations.find(configured, wanted)]
    elif provider in PROVIDERS and run_id:
        urls = [mlops_integration.get_run_url(provider, run_id)]
    else:
        raise typer.BadParameter("give a provider (wandb, mlflow) and a run id, or --test-id")
    known = [url for url in urls if url]
    if as_json:
        print_json({"urls": known})
        raise typer.Exit(0 if known else 1)
    if not known:
        fail("no URL is recorded for that. See: fairmind-sync runs")
    say("\n".join(known))


def explain(
    test_id: Annotated[str, typer.Argument(help="The test's id.")], *, as_json: AsJson = False
) -> None:
    """Say why a result is, or isn't, at each provider: state, attempts, last error, next try, what to do."""
    from fairmind_sync import explanation, schema  # noqa: PLC0415 as above

    configured = current_settings()
    found = explanation.explain(configured, test_id, schema.now(configured.database_url))
    if as_json:
        print_json([asdict(one) for one in found])
        raise typer.Exit(0 if found else 1)
    if not found:
        fail(f"there is no delivery of a test {test_id!r}. See: fairmind-sync runs, and backfill")
    for one in found:
        _print_explanation(one)


def doctor(*, as_json: AsJson = False) -> None:
    """Check settings, database, disk, clock and providers; exit 1 if something needs you."""
    from fairmind_sync import doctor as examination  # noqa: PLC0415 as above

    findings = []
    for finding in examination.examine():
        findings.append(finding)
        if not as_json:
            say(f"{'ok   ' if finding.is_ok else 'WRONG'} {finding.check}: {finding.detail}")
            if finding.remedy:
                say(f"      {finding.remedy}")
    if as_json:
        print_json([asdict(finding) | {"ok": finding.is_ok} for finding in findings])
    raise typer.Exit(0 if all(finding.is_ok for finding in findings) else 1)


def _print_status(seen: dict[str, Any]) -> None:
    say(f"database {seen['database']}")
    say(f"daemon   {'alive' if seen['daemon_alive'] else 'not running'}")
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


def _state(provider: dict[str, Any]) -> str:
    if not provider["enabled"]:
        return "disabled"
    return "paused" if provider["paused_at"] else str(provider["state"])


def _print_explanation(one: Explanation) -> None:
    delivery = one.delivery
    say(f"{delivery.provider}, delivery {delivery.id}: {delivery.status}. {one.state}")
    if one.last_error:
        say(f"  last error: {one.last_error}")
    if one.next_try:
        say(f"  next try:   {one.next_try:%Y-%m-%d %H:%M:%S} UTC")
    if one.what_to_do:
        say(f"  what to do: {one.what_to_do}")
    if one.attempts:
        print_table(
            ("attempt started", "ended", "outcome", "error"),
            [
                (f"{a.started_at:%Y-%m-%d %H:%M:%S}", a.finished_at, a.outcome, a.error)
                for a in one.attempts
            ],
        )
