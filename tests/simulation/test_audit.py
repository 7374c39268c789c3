"""The rules of leases, each broken once."""

from __future__ import annotations

import pytest

from tests.simulation.audit import Write, breaches

BEFORE, NOW, LATER = "2026-03-01 08:00:00", "2026-03-01 08:00:10", "2026-03-01 08:00:50"


def write(who: str, old: dict[str, object], new: dict[str, object]) -> Write:
    """A change at NOW of a pending delivery without a lease, but for what is said."""
    plain: dict[str, object] = {
        "status": "pending",
        "lease_token": None,
        "lease_expires_at": None,
        "attempts": 0,
        "run_id": None,
    }
    before, after = plain | old, plain | old | new
    changes = {f"old_{name}": value for name, value in before.items()}
    changes |= {f"new_{name}": value for name, value in after.items()}
    return Write(who=who, at=NOW, id=1, **changes)  # type: ignore[arg-type]  # as the table has them


def lease(name: str = "a", until: str = LATER, attempts: int = 1) -> dict[str, object]:
    return {"lease_token": name, "lease_expires_at": until, "attempts": attempts}


CLAIM = write("worker 1", {}, lease())
NO_LEASE: dict[str, object] = {"lease_token": None, "lease_expires_at": None}


@pytest.mark.parametrize(
    "then",
    [
        write("worker 1", lease(), {"status": "delivered", "run_id": "r", **NO_LEASE}),
        write("worker 2", lease(until=BEFORE), lease("b", attempts=2)),
        write("daemon", lease(), {"lease_expires_at": NOW}),
        write("import 3", {"status": "handed_over"}, {"status": "delivered", "run_id": "r"}),
        write("import 3", {}, {"status": "delivered", "run_id": "r"}),
        write("worker 2", {"status": "dead"}, {"run_id": "r"}),
    ],
    ids=[
        "the holder delivers",
        "a lease that ran out is taken",
        "a dead worker's lease is ended",
        "receipts tell of a run",
        "receipts tell of a run after a take-back",
        "a sweep finds the run of what is given up",
    ],
)
def test_what_the_rules_allow_is_no_breach(then: Write) -> None:
    assert [*breaches([CLAIM, then], ["worker 1"])] == []


@pytest.mark.parametrize(
    ("then", "said"),
    [
        (write("worker 2", lease(), lease("b", attempts=2)), "a live lease was taken"),
        (write("worker 2", lease(), NO_LEASE), "a live lease was ended by somebody else"),
        (
            write("worker 2", {"attempts": 1}, {"status": "delivered"}),
            "it was delivered by somebody without its lease",
        ),
        (write("worker 2", lease(), {"run_id": "r"}), "a run was recorded by somebody without"),
        (write("worker 1", lease(), {"attempts": 2}), "an attempt was counted without a claim"),
        (write("worker 2", {"attempts": 1}, lease("b")), "a claim did not count its attempt"),
        (write("daemon", lease(), {"lease_expires_at": NOW}), "the lease of a living worker"),
        (
            write("worker 2", {"status": "handed_over"}, lease()),
            "what another site has was claimed",
        ),
        (write("import 3", lease(), {"run_id": "r"}), "a run was recorded by somebody without"),
        (
            write("worker 2", {"status": "dead", "run_id": "r"}, {"run_id": "other"}),
            "a run was recorded by somebody without",
        ),
        (
            write("worker 2", {}, {"status": "dead", "run_id": "r"}),
            "a run was recorded by somebody without",
        ),
    ],
    ids=[
        *("taken", "ended", "delivered", "run", "counted", "uncounted", "living"),
        *("handed over", "heard too early", "another run of what is given up", "dead with a run"),
    ],
)
def test_what_breaks_a_rule_is_told(then: Write, said: str) -> None:
    (found,) = breaches([CLAIM, then], ["worker 2"])
    assert found.startswith(said)
