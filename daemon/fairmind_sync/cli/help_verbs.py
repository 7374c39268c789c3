"""The verb help-for, which says what a message means."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from fairmind_sync.cli.command import AsJson
from fairmind_sync.cli.output import fail, print_json, say
from fairmind_sync.cli.standard_streams import standard_input


def help_for(
    message: Annotated[
        list[str], typer.Argument(help="The message, whole or in part; '-' is standard input.")
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Say what a message means and what to do, as the page of messages does; without a network.

    Of a part that stands in several messages, the best few are told.

    Example: fairmind-sync help-for 'the MLflow server answers 503: Service Unavailable'
    """
    from fairmind_sync.operating.remedies import remedies_for

    given = " ".join(message)
    told = standard_input().read().decode("utf-8", "replace") if given == "-" else given
    found = [asdict(remedy) for remedy in remedies_for(told)]
    if as_json:
        best = found[0] if found else {"message": None, "what_to_do": None}
        print_json(best | {"others": found[1:]})
        raise typer.Exit(0 if found else 1)
    if not found:
        fail("no message like that is known here: it is a provider's, or of another program.")
    for remedy in found:
        say(remedy["message"])
        say(f"  {remedy['what_to_do']}")
