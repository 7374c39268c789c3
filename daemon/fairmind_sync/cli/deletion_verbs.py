"""The verb that deletes: results delete."""

from __future__ import annotations

from typing import Annotated

import typer

from fairmind_sync.cli.command import AsJson, by_command, current_settings, opened
from fairmind_sync.cli.filters import OfUser
from fairmind_sync.cli.model_verbs import results
from fairmind_sync.cli.output import fail, print_json, say
from fairmind_sync.text import counted

__all__ = ["results"]


@results.command()
def delete(
    test_id: Annotated[str, typer.Argument(help="The test's id.")],
    user_id: OfUser = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; else say what would go.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete a result for good, with all of its revisions; runs stay at their provider.

    Example: fairmind-sync results delete test_123 --yes
    """
    from fairmind_sync.operating import actions
    from fairmind_sync.outbox import result_lookup
    from fairmind_sync.storage.engine import reading

    engine = opened(current_settings())
    with reading(engine) as connection:
        found = result_lookup.revisions(connection, test_id, user_id)
    if not found:
        fail(f"no such result of a test {test_id!r} is saved here. See: fairmind-sync results list")
    owners = {record["user_id"] or "" for _, _, record in found}
    if len(owners) > 1:
        fail(
            f"{len(owners)} users have a test {test_id!r}. Name one, '' for nobody: --user-id "
            f"{', '.join(map(repr, sorted(owners)))}"
        )
    (owner,) = owners
    of_whom = f"test {test_id} of user {owner}" if owner else f"test {test_id}"
    if not yes:
        fail(
            f"{counted(len(found), 'revision')} of {of_whom} would be erased for good, and deliveries that "
            "wait discarded; runs stay at their provider. To do that: --yes"
        )
    count = actions.delete(engine, test_id, owner, by_command())
    if as_json:
        print_json({"test_id": test_id, "user_id": owner, "revisions": count})
    else:
        say(f"deleted {of_whom}: {counted(count, 'revision')}")
    raise typer.Exit(0 if count else 1)
