"""A copy is repeated after the source has lost rows, and given their ids and names to others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Table

from fairmind_sync.outbox import (
    deletion,
    idempotency,
    pruning,
    sites,
    undecided,
    webhook_events,
)
from fairmind_sync.outbox.sites import SiteRecord
from fairmind_sync.storage import tables
from fairmind_sync.testing import new_result
from tests.outbox.copies import Copies, deliver, use, write
from tests.support.clock import NOW
from tests.support.databases import rows
from tests.support.deliveries import save

pytestmark = pytest.mark.both_databases
DAY = timedelta(days=1)
LATER = NOW + 40 * DAY
ONE, ANOTHER = SiteRecord("f" * 32, "there", "keys"), SiteRecord("e" * 32, "there", "other keys")
THIRD = SiteRecord("d" * 32, "elsewhere", "third keys")
RENAMED = (SiteRecord("f" * 32, "elsewhere", "keys"), SiteRecord("d" * 32, "there", "third keys"))


def deleted_and_saved_again(copies: Copies) -> None:
    save(copies.source, "mlflow", test_id="one")
    copies.again()
    write(copies.source, deletion.delete, "one", "user-1", NOW)
    save(copies.source, "mlflow", test_id="one")


def key_of_another_day(copies: Copies) -> None:
    write(copies.source, idempotency.save_once, "key", new_result(test_id="one"), ["mlflow"], NOW)
    copies.again()
    write(copies.source, idempotency.forget_keys, LATER)
    write(copies.source, idempotency.save_once, "key", new_result(test_id="two"), ["mlflow"], LATER)


def attempt_after_a_prune(copies: Copies) -> None:
    save(copies.source, "mlflow")
    deliver(copies.source)
    copies.again()
    pruning.prune_all(copies.source, DAY, LATER)
    save(copies.source, "mlflow", test_id="two", now=LATER)
    deliver(copies.source, now=LATER)


def event_after_others_were_forgotten(copies: Copies) -> None:
    write(copies.source, webhook_events.begin, NOW)
    write(copies.source, webhook_events.add, "dead:1", {}, NOW)
    event = write(copies.source, webhook_events.take, NOW)
    write(copies.source, webhook_events.note_taken, event, NOW)
    copies.again()
    write(copies.source, webhook_events.forget, LATER)
    write(copies.source, webhook_events.add, "dead:2", {}, LATER)


def another_site_of_that_name(copies: Copies) -> None:
    write(copies.source, sites.trust, ONE, NOW)
    copies.again()
    write(copies.source, sites.distrust, ONE)
    write(copies.source, sites.trust, ANOTHER, NOW)


def sites_that_changed_names(copies: Copies) -> None:
    write(copies.source, sites.trust, ONE, NOW)
    write(copies.source, sites.trust, THIRD, NOW)
    copies.again()
    write(copies.source, sites.distrust, THIRD)
    for site in RENAMED:
        write(copies.source, sites.trust, site, NOW)


def distrusted(copies: Copies) -> None:
    write(copies.source, sites.trust, ONE, NOW)
    copies.again()
    write(copies.source, sites.distrust, ONE)


def decided(copies: Copies) -> None:
    save(copies.source, "undecided")
    copies.again()
    write(copies.source, undecided.decide, ["wandb"], NOW)


@pytest.mark.parametrize(
    ("loses", "table"),
    [
        (deleted_and_saved_again, tables.results_table),
        (key_of_another_day, tables.idempotency_table),
        (attempt_after_a_prune, tables.attempts_table),
        (event_after_others_were_forgotten, tables.webhook_events_table),
        (another_site_of_that_name, tables.trusted_sites_table),
        (sites_that_changed_names, tables.trusted_sites_table),
        (distrusted, tables.trusted_sites_table),
        (decided, tables.outbox_table),
    ],
    ids=lambda value: value.name if isinstance(value, Table) else value.__name__,
)
def test_the_target_follows(copies: Copies, loses: Callable[[Copies], None], table: Table) -> None:
    loses(copies)
    copies.again()
    there, source = copies.held(table)
    assert there == source


def test_a_key_of_another_day_is_taken_over_by_a_used_target(copies: Copies) -> None:
    write(copies.source, idempotency.save_once, "key", new_result(test_id="one"), ["mlflow"], NOW)
    write(copies.source, idempotency.save_once, "two", new_result(test_id="two"), ["mlflow"], NOW)
    copies.again()
    use(copies.target)
    write(copies.source, idempotency.forget_keys, LATER)
    write(copies.source, idempotency.save_once, "key", new_result(test_id="two"), ["mlflow"], LATER)
    copies.again()
    (used,) = [row for row in rows(copies.target, tables.idempotency_table) if row.key == "key"]
    assert used.result_id == 2
