"""Hand-over against a model of it: sticks are lost, doubled and read in any order; two couriers; operators.

A provider that makes a run for each create is the oracle: 0 lost, 0 twice, nothing delivered falsely.
Hypothesis draws the order. A longer hunt: raise EXAMPLES and run this file alone, with `-n0`.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from fairmind_sync.handover.writing_bundles import WrittenBundle
from fairmind_sync.outbox.delivery_lookup import DeliveryRecord
from fairmind_sync.results.states import DEAD, DELIVERED, DISCARDED
from tests.handover.world import ModelProvider, Site, world

EXAMPLES = 500 if settings.get_current_profile_name() == "nightly" else 12
STEPS = 30
PHASES = (Phase.generate, Phase.shrink) if EXAMPLES > 12 else (Phase.generate,)
"""To shrink takes minutes: only at night."""
COURIERS = st.integers(1, 2)
DIES = st.sampled_from([None, None, "before", "after", "refused"])


@dataclass
class Stick:
    """A file on its way; results are read at the courier's, receipts at home."""

    file: Path
    key: str
    reader: Site
    was_read: bool = False


class HandOverMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.stack = ExitStack()
        place = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.sites = world(place)
        self.home = self.sites[0]
        for site in self.sites:
            self.stack.callback(site.engine.dispose)
        self.provider = ModelProvider()
        self.sticks: list[Stick] = []
        self.every: list[Stick] = []

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            with self.stack:
                self._nothing_is_lost()

    @rule()
    def save(self) -> None:
        self.home.save()

    @rule(to=COURIERS, most_bytes=st.sampled_from([1_500, 10**6]), is_encrypted=st.booleans())
    def export(self, to: int, most_bytes: int, is_encrypted: bool) -> None:
        if "pending" in self.home.statuses():
            courier = self.sites[to]
            self._carry(
                self.home.export(courier, most_bytes=most_bytes, is_encrypted=is_encrypted), courier
            )

    @rule(to=COURIERS)
    def export_again(self, to: int) -> None:
        courier = self.sites[to]
        self._carry(self.home.export(courier, again=True), courier)

    @rule(of=COURIERS)
    def write_receipts(self, of: int) -> None:
        self._carry(self.sites[of].receipts(self.home), self.home)

    @precondition(lambda self: self.sticks)
    @rule(data=st.data())
    def read(self, data: st.DataObject) -> None:
        stick = data.draw(st.sampled_from(self.sticks))
        stick.reader.read(stick.file)
        stick.was_read = True

    @precondition(lambda self: self.sticks)
    @rule(data=st.data(), elsewhere=st.integers(0, 2))
    def read_elsewhere(self, data: st.DataObject, elsewhere: int) -> None:
        """A stick in the wrong hands changes nothing."""
        stick, site = data.draw(st.sampled_from(self.sticks)), self.sites[elsewhere]
        if site is not stick.reader:
            before = site.records()
            assert site.refusal(stick.file) is not None
            assert site.records() == before

    @precondition(lambda self: self.sticks)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        self.sticks.remove(data.draw(st.sampled_from(self.sticks)))

    @rule(at=st.integers(0, 2), dies=DIES)
    def deliver(self, at: int, dies: str | None) -> None:
        self.sites[at].deliver(self.provider, dies=dies)

    @rule(at=st.integers(0, 2))
    def end_leases(self, at: int) -> None:
        self.sites[at].end_leases()

    @rule(data=st.data(), at=st.integers(0, 2))
    def retry(self, data: st.DataObject, at: int) -> None:
        if some := self._of_status(at, DEAD):
            self.sites[at].retry(data.draw(st.sampled_from(some)).id)

    @rule(data=st.data(), at=st.integers(0, 2))
    def discard(self, data: st.DataObject, at: int) -> None:
        if some := self._of_status(at, DEAD):
            self.sites[at].discard(data.draw(st.sampled_from(some)).id)

    @rule(data=st.data(), at=st.integers(0, 2))
    def delete(self, data: st.DataObject, at: int) -> None:
        if some := self.sites[at].records():
            self.sites[at].delete(data.draw(st.sampled_from(some)).test_id)

    @precondition(lambda self: self.sticks)
    @rule(data=st.data())
    def take_back(self, data: st.DataObject) -> None:
        """Only where nobody has read the bundle, nor an earlier one to the same courier; it is destroyed."""
        stick = data.draw(st.sampled_from(self.sticks))
        to_courier = [one for one in self.every if one.reader is stick.reader]
        if stick.reader is not self.home and not any(one.was_read for one in to_courier):
            for one in to_courier:
                if one in self.sticks:
                    self.sticks.remove(one)
            self.home.take_back(stick.key)

    @invariant()
    def no_run_is_made_twice(self) -> None:
        if hasattr(self, "provider"):
            assert self.provider.made_twice() == []

    @invariant()
    def what_is_delivered_is_at_the_provider(self) -> None:
        if not hasattr(self, "sites"):
            return
        for site in self.sites:
            for one in site.records():
                if one.status == DELIVERED:
                    assert one.run_id in self.provider.finished
                    assert one.run_url == f"https://provider.example/{one.run_id}"

    def _carry(self, written: WrittenBundle, reader: Site) -> None:
        if written.deliveries:
            stick = Stick(written.file, written.bundle_key, reader)
            self.sticks.append(stick)
            self.every.append(stick)

    def _of_status(self, at: int, status: str) -> list[DeliveryRecord]:
        return [one for one in self.sites[at].records() if one.status == status]

    def _nothing_is_lost(self) -> None:
        """With sticks that arrive, and operators who retry, all is delivered that nobody gave up at home."""
        self._round_trip()
        self._round_trip()
        for bundle_key in self.home.bundles_out():
            self.home.take_back(bundle_key)  # what is left was given up at the courier's
        self._round_trip()
        left = {one.status for one in self.home.records()} - {DELIVERED, DISCARDED}
        assert left == set()
        self.no_run_is_made_twice()
        self.what_is_delivered_is_at_the_provider()

    def _round_trip(self) -> None:
        for site in self.sites:
            site.end_leases()
        for courier in self.sites[1:]:
            courier.retry(*(one.id for one in courier.records()))
        self.home.retry(*(one.id for one in self.home.records()))
        for courier in self.sites[1:]:
            written = self.home.export(courier, again=True)
            if written.deliveries:
                courier.read(written.file)
            while courier.deliver(self.provider):
                pass
            if (receipts := courier.receipts(self.home)).deliveries:
                self.home.read(receipts.file)
        while self.home.deliver(self.provider):
            pass


def test_hand_over_loses_nothing_and_doubles_nothing() -> None:
    run_state_machine_as_test(
        HandOverMachine,
        settings=settings(
            max_examples=EXAMPLES,
            phases=PHASES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
