"""Couriers: sticks with bundles between sites, written and read by the product's own code.

A stick can be slow, lost, brought twice, or turn up again when nobody waits for it any more. One that is
destroyed never turns up: its bundle may be taken back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from sqlalchemy import Engine, select

from fairmind_sync.handover import partners, reading_bundles, taking_back, writing_bundles
from fairmind_sync.handover.identity import OwnSite
from fairmind_sync.handover.public_site import KEY_BYTES, PublicSite, encoded_keys
from fairmind_sync.handover.sealing import PrivateKeys
from fairmind_sync.handover.writing_bundles import Sender, WrittenBundle
from fairmind_sync.outbox import sites
from fairmind_sync.outbox.delivery_lookup import RunFilter
from fairmind_sync.outbox.operator_log import Actor
from fairmind_sync.storage.engine import open_engine, reading, writing
from fairmind_sync.storage.tables import hand_overs_table, outbox_table

if TYPE_CHECKING:
    from tests.simulation.simulated_sites import SimulatedSite
    from tests.simulation.simulation import Simulation

_ENOUGH, _LITTLE = 10**8, 3_000
"""Bytes of a bundle: with few, some deliveries have to wait for the next."""
_COURIER = Actor("courier", "simulation")
ROUND, _RAREST = 600.0, 2 * 3600.0
_OUT, _BACK = 40.0, 300.0


@dataclass
class CarriedStick:
    """A file on its way; `keys` are those of the deliveries that it hands over."""

    file: Path
    sender: SimulatedSite
    recipient: SimulatedSite
    bundle_key: str
    keys: frozenset[str] = frozenset()
    is_on_its_way: bool = False
    is_destroyed: bool = False
    is_taken_back: bool = False
    read_at: list[float] = field(default_factory=list)

    @property
    def is_lost(self) -> bool:
        return not (self.is_on_its_way or self.is_destroyed or self.read_at)


class Couriers:
    """All sticks of a run, and the identities of its sites; in the calm none travels before `stays_until`."""

    def __init__(self, simulation: Simulation) -> None:
        self._world = simulation.world
        self._sites = simulation.sites
        self._chosen = Random(f"sticks {simulation.plan.seed}")
        self._directory, self._seed = simulation.directory, simulation.plan.seed
        self._files = 0
        self._own = [self._identity(site) for site in self._sites]
        self._homes = [site for site in self._sites if not site.has_network]
        self._is_calm = False
        self.sticks: list[CarriedStick] = []
        self.busy_until = self.stays_until = 0.0
        for home in self._homes:
            for courier in self._sites:
                if courier.has_network:
                    self._introduce(home, courier)

    def _identity(self, site: SimulatedSite) -> OwnSite:
        private = PrivateKeys(self._chosen.randbytes(2 * KEY_BYTES))
        return OwnSite(PublicSite(site.host.name, private.public), private)

    def _introduce(self, home: SimulatedSite, courier: SimulatedSite) -> None:
        for one, other in ((home, courier), (courier, home)):
            own, public = self._own[one.number].public, self._own[other.number].public
            engine = open_engine(one.database.store.url, one.host.time)
            with writing(engine) as connection:
                sites.set_own(connection, own.name, encoded_keys(own))
            partners.trust(engine, own, public)
            engine.dispose()

    def export(
        self, home: SimulatedSite, courier: SimulatedSite, seconds: float, *, again: bool = False
    ) -> None:
        """Hands deliveries over, by a stick that arrives after so many seconds; 0: it is lost."""
        is_little = not self._is_calm and self._chosen.random() < 0.3

        def work(engine: Engine) -> None:
            written = writing_bundles.export(
                self._sender(engine, home, courier),
                self._new_file(),
                RunFilter(),
                most_bytes=_LITTLE if is_little else _ENOUGH,
                is_encrypted=self._files % 2 > 0,
                again=again,
            )
            self._send(home, courier, written, seconds, _keys_of(engine, written))

        home.people.does("export", work)

    def receipts(self, courier: SimulatedSite, home: SimulatedSite, seconds: float) -> None:
        """Writes what became of all that came from home, and has it brought."""

        def work(engine: Engine) -> None:
            sender = self._sender(engine, courier, home)
            written = writing_bundles.write_receipts(sender, self._new_file())
            self._send(courier, home, written, seconds)

        courier.people.does("receipts", work)

    def _sender(self, engine: Engine, by: SimulatedSite, to: SimulatedSite) -> Sender:
        return Sender(engine, self._own[by.number], self._own[to.number].public, _COURIER)

    def _new_file(self) -> Path:
        self._files += 1
        return self._directory / f"{self._seed}.db.bundle-{self._files}"

    def _send(
        self,
        sender: SimulatedSite,
        to: SimulatedSite,
        written: WrittenBundle,
        seconds: float,
        keys: frozenset[str] = frozenset(),
    ) -> None:
        if written.deliveries:
            stick = CarriedStick(written.file, sender, to, written.bundle_key, keys)
            self.sticks.append(stick)
            if seconds:
                self._bring(stick, seconds)

    def _bring(self, stick: CarriedStick, seconds: float) -> None:
        stick.is_on_its_way = True
        self.busy_until = max(self.busy_until, self._world.now + seconds)
        self._world.after(seconds, lambda: self._arrive(stick))

    def _arrive(self, stick: CarriedStick) -> None:
        to = stick.recipient

        def work(engine: Engine) -> None:
            stick.read_at.append(self._world.now)
            reading_bundles.read(
                engine, self._own[to.number], stick.file, (), most_bytes=_ENOUGH, by=_COURIER
            )

        stick.is_on_its_way = False
        to.people.does("import", work)

    def bring_again(self, home: SimulatedSite, seconds: float) -> None:
        """Brings some stick of home's once more, maybe an old one, or one that was lost until now."""
        known = [
            one
            for one in self.sticks
            if home in (one.sender, one.recipient) and not one.is_destroyed
        ]
        if known:
            self._bring(self._chosen.choice(known), seconds or 1.0)

    def take_back(self, home: SimulatedSite, *, by_mistake: bool = False) -> None:
        """Takes a bundle back: one that is destroyed, with no other bundle of its deliveries about.

        By mistake: any bundle, also one that was read, or will be.
        """
        out = [one for one in self.sticks if one.sender is home and not one.is_destroyed]
        wanted = [one for one in out if one.keys]
        if not by_mistake:
            wanted = [one for one in wanted if one.is_lost and _is_alone(one, out)]
        if not wanted:
            return
        stick = self._chosen.choice(wanted)
        stick.is_destroyed = not by_mistake

        def work(engine: Engine) -> None:
            bundle, _ = taking_back.bundle_named(engine, stick.bundle_key)
            taking_back.take_back(engine, bundle, _COURIER)
            stick.is_taken_back = True

        home.people.does("take-back", work)

    def travel_from_now_on(self, every: float = ROUND) -> None:
        """Sticks travel reliably, ever more rarely: nobody commits anything between two rounds."""
        if self._homes:
            if self._world.now >= self.stays_until:
                self.travel()
            self._world.after(every, lambda: self.travel_from_now_on(min(2 * every, _RAREST)))

    def travel(self) -> None:
        """One round: what waits goes to the first host, what is out goes once more, receipts come home."""
        self._is_calm = True
        for home in self._homes:
            self._travel_for(home)

    def _travel_for(self, home: SimulatedSite) -> None:
        self.export(home, self._sites[0], _OUT)
        for courier in self._sites:
            if courier.has_network:
                self._go_to_and_fro(home, courier)

    def _go_to_and_fro(self, home: SimulatedSite, courier: SimulatedSite) -> None:
        self._world.after(_OUT, lambda: self.export(home, courier, _OUT, again=True))
        self._world.after(_BACK, lambda: self.receipts(courier, home, _OUT))


def _is_alone(stick: CarriedStick, sticks: list[CarriedStick]) -> bool:
    """Whether no other stick holds any of its deliveries."""
    return not any(one is not stick and one.keys & stick.keys for one in sticks)


def _keys_of(engine: Engine, written: WrittenBundle) -> frozenset[str]:
    wanted = (
        select(outbox_table.c.delivery_key)
        .join_from(outbox_table, hand_overs_table)
        .where(hand_overs_table.c.bundle_key == written.bundle_key)
    )
    with reading(engine) as connection:
        return frozenset(connection.execute(wanted).scalars())
