"""Judges hand-over: at rest a home says of each delivery what the site says that had it to deliver."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tests.simulation.site_oracle import SiteOracle

_GIVEN_UP = ("dead", "discarded")


class HandOverOracle:
    """Compares the rows of homes with those that came of them elsewhere, by the keys that were carried."""

    def __init__(self, sites: Sequence[SiteOracle]) -> None:
        self._sites = sites
        self._away: dict[str, list[Any]] = {}
        for site in sites:
            for row in site.arrivals:
                self._away.setdefault(row["carried_key"], []).append(row)

    def findings(self) -> Iterator[str]:
        homes = {row["delivery_key"]: row for site in self._sites for row in self._born(site)}
        for key, away in self._away.items():
            if key not in homes:
                yield f"lost: {away[0]['test_id']} for {away[0]['provider']} has no home"
            else:
                yield from self._of_row(homes[key], away)
        for site in self._sites:
            yield from self._of_deaths(site)

    @staticmethod
    def _born(site: SiteOracle) -> Iterator[Any]:
        arrived = {row["id"] for row in site.arrivals if row["carried_key"] == row["delivery_key"]}
        yield from (row for row in site.rows if row["id"] not in arrived)

    @staticmethod
    def _of_row(home: Any, away: Sequence[Any]) -> Iterator[str]:
        where = f"{home['test_id']} for {home['provider']}"
        told = {(row["run_id"], row["run_url"]) for row in away if row["status"] == "delivered"}
        if told and home["status"] != "delivered":
            yield f"stuck: {where} is {home['status']} at home, and delivered elsewhere"
        elif told and (home["run_id"], home["run_url"]) not in told and not home["attempts"]:
            yield f"false: {where} has another run at home than at the site that delivered it"

    def _of_deaths(self, site: SiteOracle) -> Iterator[str]:
        """Yields what is dead at a home by another site's word, which that site doesn't say at rest."""
        for row in site.rows:
            if row["status"] == "dead" and site.died_elsewhere(row):
                away = self._away.get(row["delivery_key"], [])
                if not any(one["status"] in _GIVEN_UP for one in away):
                    yield (
                        f"dead: {row['test_id']} for {row['provider']} at home alone:"
                        f" {row['last_error_kind']}: {row['last_error']}"
                    )
