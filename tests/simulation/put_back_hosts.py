"""Faults put back into hand-over, sweeps beside other hosts, and the copy of a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from unittest.mock import patch

from sqlalchemy import Connection, true, update

from fairmind_sync.handover import carried
from fairmind_sync.outbox import copying, hand_overs, unclean_attempts
from fairmind_sync.outbox.copied_tables import ALL_COPIED
from fairmind_sync.outbox.hand_overs import OutgoingResult
from fairmind_sync.results.states import DELIVERED
from fairmind_sync.storage.tables import arrivals_table, hand_overs_table, outbox_table
from tests.simulation.events import Step
from tests.simulation.faults import Fault
from tests.simulation.put_back import PutBackFault
from tests.simulation.world import START


def _exports_what_is_leased() -> list[Any]:
    return [patch.object(hand_overs, "_is_free", lambda _now: true())]


def _says_what_is_known() -> Any:
    """Of each delivery that goes out, since when a run may be there only if that is known."""
    real = carried.entry_of_result

    def entry(result: OutgoingResult, now: datetime) -> dict[str, Any]:
        made = real(result, now)
        for said, delivery in zip(made["deliveries"], result.deliveries, strict=True):
            if delivery.create_attempted_at is None:
                said["create_attempted_at"] = None
        return made

    return patch.object(carried, "entry_of_result", entry)


def _unmarked_take_back() -> list[Any]:
    def take_back(connection: Connection, bundle_key: str, now: Any) -> int:
        ids = [row.id for row in connection.execute(hand_overs._of_bundle(bundle_key))]
        connection.execute(
            update(hand_overs_table)
            .where(hand_overs_table.c.delivery_id.in_(ids))
            .values(taken_back_at=now)
        )
        pending = update(outbox_table).where(outbox_table.c.id.in_(ids))
        connection.execute(pending.values(status="pending", due_at=now, attempts=0))
        return len(ids)

    return [patch.object(hand_overs, "take_back", take_back), _says_what_is_known()]


def _forgets_attempts() -> list[Any]:
    real = hand_overs._outgoing

    def outgoing(row: Any) -> Any:
        return replace(real(row), create_attempted_at=None)

    return [patch.object(hand_overs, "_outgoing", outgoing), _says_what_is_known()]


def _never_again() -> list[Any]:
    real = hand_overs.candidates

    def candidates(*given: Any, again: bool) -> list[int]:
        return [] if again else real(*given, again=again)

    return [patch.object(hand_overs, "candidates", candidates)]


def _sweeps_for_everybody() -> list[Any]:
    real = unclean_attempts.standing

    def standing(connection: Connection, provider: Any, key: str) -> Any:
        of_another = unclean_attempts.Standing(DELIVERED, "another run", START)
        return real(connection, provider, key) or of_another

    return [patch.object(unclean_attempts, "standing", standing)]


def _copies_what_lives() -> list[Any]:
    return [
        patch.object(copying, "_require_rest", lambda _engine: None),
        patch.object(copying, "_require_unchanged", lambda _engine, _newest: None),
    ]


def _copies_no_arrivals() -> list[Any]:
    copied = tuple(one for one in ALL_COPIED if one.table is not arrivals_table)
    return [patch.object(copying, "ALL_COPIED", copied)]


_HOME = (True, False)

FAULTS_BETWEEN_HOSTS = (
    PutBackFault(
        "an export of what is being delivered",
        _exports_what_is_leased,
        0,
        (
            Step(0.0, "network", amount=60.0, host=1),
            Step(1.0, "save", amount=1, host=1),
            Step(3.0, "drain", host=1),
            Fault("mlflow log", 1, "freeze", 20.0),
            Step(12.0, "export", "0", 60.0, host=1),
        ),
        _HOME,
    ),
    PutBackFault(
        "a bundle that is taken back as if it had never been out",
        _unmarked_take_back,
        0,
        (
            Step(1.0, "save", amount=1, host=2),
            Step(5.0, "export", "0", 60.0, host=2),
            Step(200.0, "take back by mistake", host=2),
            Step(210.0, "export", "1", 60.0, host=2),
        ),
        (True, True, False),
    ),
    PutBackFault(
        "an export that forgets that a run may be there",
        _forgets_attempts,
        0,
        (
            Step(0.0, "network", amount=60.0, host=1),
            Step(1.0, "save", amount=1, host=1),
            Step(3.0, "drain", host=1),
            Fault("mlflow create", 1, "no_reply"),
            Step(50.0, "export", "0", 60.0, host=1),
        ),
        _HOME,
    ),
    PutBackFault(
        "a lost stick whose deliveries are never handed over again",
        _never_again,
        0,
        (Step(1.0, "save", amount=1, host=1), Step(5.0, "export", "0", host=1)),
        _HOME,
    ),
    PutBackFault(
        "a sweep that deletes runs of another database",
        _sweeps_for_everybody,
        0,
        (
            Step(5.0, "save", amount=1, host=1),
            Fault("mlflow log", 1, "freeze", 40.0),
            Step(12.0, "save", amount=1),
            Fault("mlflow log", 2, "kill"),
            Step(25.0, "drain"),
        ),
        (True, True),
    ),
    PutBackFault(
        "a copy that doesn't ask whether somebody works",
        _copies_what_lives,
        0,
        (
            Step(1.9, "save", amount=5),
            Step(2.0, "copy", "in haste"),
            Fault("turn worker mlflow", 1, "freeze", 8.0),
            Fault("turn copy", 3, "freeze", 20.0),
        ),
    ),
    PutBackFault(
        "a copy that leaves out where deliveries came from",
        _copies_no_arrivals,
        0,
        (
            Step(1.0, "save", amount=1, host=1),
            Step(5.0, "export", "0", 20.0, host=1),
            Step(60.0, "copy"),
        ),
        _HOME,
    ),
)
