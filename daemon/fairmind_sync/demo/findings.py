"""Shows the demo's results at its end: a table of selection rates of men and women, and links to two runs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.table import Table

from fairmind_sync.outbox.delivery_lookup import RunFilter, find
from fairmind_sync.outbox.result_listing import ResultFilter, exported

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from fairmind_sync.outbox.result_listing import ListedResult
    from fairmind_sync.provider_names import ProviderName


@dataclass(frozen=True, slots=True)
class DemoFinding:
    """A result, with each group's selection rate, and the lower one as a share of the higher."""

    listed: ListedResult
    men: float
    women: float

    @property
    def share(self) -> float:
        low, high = sorted((self.men, self.women))
        return low / high if high else 1.0


def findings(engine: Engine) -> list[DemoFinding]:
    """Returns the demo's results in the order in which they were saved."""
    found = []
    for one in exported(engine, ResultFilter()):
        groups = one.record["results"]["groups"]
        rates = (float(groups[group]["selection_rate"]) for group in ("men", "women"))
        found.append(DemoFinding(one.listed, *rates))
    return found


def table_of_findings(found: Sequence[DemoFinding]) -> Table:
    """Returns a table that fits 80 columns."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("   test", no_wrap=True)
    for name in ("men", "women", "women/men"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("risk", "verdict"):
        table.add_column(name, no_wrap=True)
    for one in found:
        rates = (_percent(one.men), _percent(one.women), _percent(one.women / one.men))
        table.add_row(f"   {one.listed.test_id}", *rates, one.listed.risk, one.listed.verdict)
    return table


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def links(
    engine: Engine, found: Sequence[DemoFinding], providers: Collection[ProviderName]
) -> list[tuple[str, str]]:
    """Returns in words which of the providers' runs are the least and the most fair, each with its URL."""
    ordered = sorted(found, key=lambda one: one.share)
    chosen = (("the furthest apart", ordered[0]), ("the closest", ordered[-1]))
    return [
        (f"{words}, {one.listed.test_id}, at {run.provider}", run.run_url)
        for words, one in chosen
        for run in find(engine, RunFilter(test_id=one.listed.test_id))
        if run.run_url and run.provider in providers
    ]
