"""An audit log in the run's database: who changed which delivery, from what to what, at which time.

Triggers write it, so it tells of every write, whatever code made the write. The rules are those of leases:
whoever isn't a live lease's holder may neither end a delivery nor take the lease.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from typing import NamedTuple

SCRIPT = """
CREATE TABLE simulated_audit (
    who TEXT, at TEXT, id INTEGER,
    old_status, old_lease_token, old_lease_expires_at, old_attempts, old_run_id,
    new_status, new_lease_token, new_lease_expires_at, new_attempts, new_run_id
);
CREATE TRIGGER simulated_audit_of_updates AFTER UPDATE ON outbox BEGIN
    INSERT INTO simulated_audit VALUES (
        simulated_who(), simulated_now(), NEW.id,
        OLD.status, OLD.lease_token, OLD.lease_expires_at, OLD.attempts, OLD.run_id,
        NEW.status, NEW.lease_token, NEW.lease_expires_at, NEW.attempts, NEW.run_id
    );
END;
CREATE TABLE simulated_states (who TEXT, provider TEXT, state TEXT);
CREATE TRIGGER simulated_states_of_updates AFTER UPDATE ON provider_state WHEN OLD.state != NEW.state BEGIN
    INSERT INTO simulated_states VALUES (simulated_who(), NEW.provider, NEW.state);
END;
CREATE TRIGGER simulated_states_of_inserts AFTER INSERT ON provider_state WHEN NEW.state != 'ready' BEGIN
    INSERT INTO simulated_states VALUES (simulated_who(), NEW.provider, NEW.state);
END;
"""
COPY, IMPORT = "copy", "import"
"""Who takes over another file; who hears what other sites have delivered, which a live lease keeps out."""
_GIVEN_UP = ("dead", "discarded")
READ = "SELECT * FROM simulated_audit"
READ_STATES = "SELECT who, provider, state FROM simulated_states"


class Write(NamedTuple):
    """One change of one delivery."""

    who: str
    at: str
    id: int
    old_status: str
    old_lease_token: str | None
    old_lease_expires_at: str | None
    old_attempts: int
    old_run_id: str | None
    new_status: str
    new_lease_token: str | None
    new_lease_expires_at: str | None
    new_attempts: int
    new_run_id: str | None

    @property
    def is_claim(self) -> bool:
        return self.new_lease_token not in (None, self.old_lease_token)

    @property
    def was_leased(self) -> bool:
        return self.old_lease_token is not None and (self.old_lease_expires_at or "") > self.at

    @property
    def gives_back(self) -> bool:
        """Whether the lease's holder has the attempt not count."""
        has_ended = self.old_lease_token is not None and self.new_lease_token is None
        return has_ended and self.new_attempts == self.old_attempts - 1

    @property
    def is_left_over(self) -> bool:
        """Whether a sweep records the run that it found of a delivery that is given up and had none."""
        is_given_up = self.old_status == self.new_status and self.new_status in _GIVEN_UP
        return is_given_up and self.old_run_id is None

    @property
    def ends_a_live_lease(self) -> bool:
        """Whether the lease runs out with this write, and keeps its token."""
        is_over = (self.new_lease_expires_at or "") <= self.at
        return self.was_leased and self.new_lease_token == self.old_lease_token and is_over


def install(database: sqlite3.Connection) -> None:
    database.executescript(SCRIPT)


def counted_attempts(writes: Iterable[Write]) -> Counter[int]:
    """Returns how many attempts of each delivery were counted and not given back, over all retries."""
    counted: Counter[int] = Counter()
    for write in writes:
        if write.is_claim or write.gives_back:
            counted[write.id] += write.new_attempts - write.old_attempts
    return counted


def breaches(writes: list[Write], killed: Container[str] = ()) -> Iterator[str]:
    """Yields a sentence on each write that breaks a rule of leases; `killed` names processes."""
    holders: dict[str, str] = {}
    for write in writes:
        if write.who.startswith(COPY):  # what the other file has done since
            continue
        if write.is_claim:
            assert write.new_lease_token is not None
            holders[write.new_lease_token] = write.who
        yield from _breaches_of(write, holders)
        holder = holders.get(write.old_lease_token or "")
        if write.ends_a_live_lease and holder != write.who and holder not in killed:
            yield f"the lease of a living worker was ended: delivery {write.id} by {write.who}"


def _breaches_of(write: Write, holders: dict[str, str]) -> Iterator[str]:
    is_holder = holders.get(write.old_lease_token or "") == write.who
    what = f"delivery {write.id} by {write.who} at {write.at}"
    if write.is_claim and write.was_leased:
        yield f"a live lease was taken: {what}"
    if write.is_claim and write.new_attempts != write.old_attempts + 1:
        yield f"a claim did not count its attempt: {what}"
    if not write.is_claim and write.new_attempts > write.old_attempts:
        yield f"an attempt was counted without a claim: {what}"
    is_heard = write.who.startswith(IMPORT) and not write.was_leased
    if write.is_claim and write.old_status != "pending":
        yield f"what another site has was claimed: {what}"
    is_end = write.new_status == "delivered" and write.old_status == "pending"
    if is_end and not (is_holder or is_heard):
        yield f"it was delivered by somebody without its lease: {what}"
    lost = write.new_lease_token is None and write.was_leased and not is_holder
    if lost:
        yield f"a live lease was ended by somebody else: {what}"
    is_new = write.new_run_id != write.old_run_id and not write.is_left_over
    if is_new and not (is_holder or is_heard):
        yield f"a run was recorded by somebody without the lease: {what}"
