"""The log of operators' actions: who (else this process's account) retried, discarded, paused, handed over
and so on what, when, and from where.
"""

from __future__ import annotations

import getpass
import socket
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import lru_cache
from typing import Literal, TypeAlias

from sqlalchemy import Connection, insert, select

from fairmind_sync.storage.tables import operator_actions_table

Action: TypeAlias = Literal[
    "retry",
    "discard",
    "pause",
    "resume",
    "backfill",
    "delete",
    "trust",
    "distrust",
    "export",
    "import",
    "receipts",
    "take back",
]
_NAMED = 20
"""So many deliveries of a long list are named."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, in words, and from where: by the command line, the page, the REST API or Python."""

    who: str
    origin: str


@dataclass(frozen=True, slots=True)
class OperatorAction:
    """One action as it is kept; `count` is how many deliveries, providers or revisions changed."""

    id: int
    at: datetime
    action: Action
    who: str
    origin: str
    provider: str | None
    subject: str
    count: int
    reason: str | None


def of_this_process(how: str = "Python") -> Actor:
    """Returns the account that this process runs as; `how` the process was asked, in words."""
    return Actor(_account(), f"{how} on {socket.gethostname()}")


def note(
    connection: Connection,
    action: Action,
    by: Actor | None,
    now: datetime,
    *,
    subject: str,
    count: int,
    provider: str | None = None,
    reason: str | None = None,
) -> None:
    """Keeps the action, inside the transaction that carries it out; one that changed nothing is not kept.

    Where nobody is named, it was the account that the process runs as.
    """
    if count:
        by = by or of_this_process()
        connection.execute(
            insert(operator_actions_table).values(
                at=now,
                action=action,
                who=by.who,
                origin=by.origin,
                provider=provider,
                subject=subject,
                count=count,
                reason=reason,
            )
        )


def newest(connection: Connection, limit: int, before: int | None = None) -> list[OperatorAction]:
    """Returns the newest actions, or those before the one with that id."""
    columns = [operator_actions_table.c[field.name] for field in fields(OperatorAction)]
    wanted = select(*columns).order_by(operator_actions_table.c.id.desc()).limit(limit)
    if before is not None:
        wanted = wanted.where(operator_actions_table.c.id < before)
    return [OperatorAction(*row) for row in connection.execute(wanted)]


def deliveries_named(delivery_ids: Sequence[int]) -> str:
    """Returns the deliveries in words: their ids, of a long list the first ones and how many more."""
    named = ", ".join(map(str, delivery_ids[:_NAMED]))
    more = len(delivery_ids) - _NAMED
    several = "deliveries" if len(delivery_ids) > 1 else "delivery"
    return f"{several} {named}" + (f" and {more} more" if more > 0 else "")


@lru_cache(maxsize=1)
def _account() -> str:
    """Returns the account's name; in many containers the system knows none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "an account without a name"
