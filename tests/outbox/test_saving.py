"""A result and its deliveries: together or not at all, and once."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from fairmind_sync.errors import StorageError
from fairmind_sync.outbox import saving
from fairmind_sync.outbox.enqueuing import enqueue
from fairmind_sync.outbox.saving import Saved
from fairmind_sync.results.delivery import NewResult
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import outbox_table, results_table
from fairmind_sync.testing import new_result
from tests.support.clock import NOW
from tests.support.databases import rows
from tests.support.deliveries import dead, save
from tests.support.races import at_once

pytestmark = pytest.mark.both_databases

LATER = NOW + timedelta(days=1)
IMPORTS = "import sys\nfrom fairmind_sync.storage import schema\nfrom tests.support.deliveries import save"
SAVES = """
engine = schema.ready_engine(sys.argv[1])
for number in range(5):
    saved = save(engine, 'mlflow', test_id='t', results={'accuracy': sys.argv[2] + str(number)})
    print(saved.revision, saved.is_new)
"""


def deliveries(engine: Engine) -> list[tuple[int, str]]:
    return [(row.result_id, row.provider) for row in rows(engine, outbox_table)]


def test_a_result_is_saved_as_it_was_given(engine: Engine) -> None:
    new = replace(new_result(test_id="t", results={"metrics_passed": 2}), removed='{"**.ssn":1}')
    with writing(engine) as connection:
        saving.save(connection, new, (), NOW)
    (row,) = rows(engine, results_table)
    assert tuple(row) == (
        1,
        "t",
        new.user_id,
        1,
        new.model_id,
        new.dataset_id,
        new.test_type,
        new.results,
        new.metadata,
        new.digest,
        NOW,
        None,
        2,
        0,
        None,
        None,
        new.removed,
        True,
    )


def test_a_saved_result_says_where_it_is(engine: Engine) -> None:
    assert save(engine) == Saved(result_id=1, revision=1, is_new=True)


def test_a_result_gets_a_delivery_for_each_provider(engine: Engine) -> None:
    saved = save(engine, "wandb", "mlflow")
    assert deliveries(engine) == [(saved.result_id, "wandb"), (saved.result_id, "mlflow")]


def test_a_result_without_providers_gets_no_delivery(engine: Engine) -> None:
    save(engine)
    assert deliveries(engine) == []


def test_a_delivery_is_due_at_once(engine: Engine) -> None:
    save(engine, "mlflow")
    (row,) = rows(engine, outbox_table)
    assert (row.status, row.attempts, row.due_at, row.created_at) == ("pending", 0, NOW, NOW)


def test_each_delivery_has_a_key_of_32_hexadecimal_characters(engine: Engine) -> None:
    save(engine, "wandb", "mlflow")
    keys = {row.delivery_key for row in rows(engine, outbox_table)}
    assert [len(f"{int(key, 16):032x}") for key in keys] == [32, 32]


@pytest.fixture
def no_second_enqueue(monkeypatch: pytest.MonkeyPatch) -> None:
    """The deliveries of the first result can be stored, those of others can't."""
    calls = itertools.count(1)

    def enqueue_once(*arguments: Any) -> None:
        enqueue(*arguments)
        if next(calls) > 1:
            raise StorageError

    monkeypatch.setattr(saving, "enqueue", enqueue_once)


def test_a_result_is_not_saved_when_its_deliveries_can_not_be(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> None:
        raise StorageError

    monkeypatch.setattr(saving, "enqueue", refuse)
    with pytest.raises(StorageError), writing(engine) as connection:
        saving.save(connection, new_result(), ("wandb",), NOW)
    assert (rows(engine, results_table), rows(engine, outbox_table)) == ([], [])


@pytest.mark.usefixtures("no_second_enqueue")
def test_of_several_results_none_is_saved_when_one_can_not_be(engine: Engine) -> None:
    def save_both() -> None:
        with writing(engine) as connection:
            saving.save(connection, new_result(), ("wandb",), NOW)
            saving.save(connection, new_result(), ("wandb",), NOW)

    with pytest.raises(StorageError):
        save_both()
    assert (rows(engine, results_table), rows(engine, outbox_table)) == ([], [])


def test_no_result_has_no_deliveries(engine: Engine) -> None:
    with writing(engine) as connection:
        enqueue(connection, [77], ("mlflow",), NOW)
    assert rows(engine, outbox_table) == []


def save_all(engine: Engine, *new_results: NewResult) -> list[Saved]:
    with writing(engine) as connection:
        return saving.save_all(connection, new_results, ("wandb", "mlflow"), NOW)


def test_of_many_each_is_saved_in_its_place(engine: Engine) -> None:
    saved = save_all(engine, *(new_result(test_id=f"t{number}") for number in range(2_500)))
    ids = {row.test_id: row.id for row in rows(engine, results_table)}
    assert [one.result_id for one in saved] == [ids[f"t{number}"] for number in range(2_500)]


def test_of_many_each_gets_its_deliveries(engine: Engine) -> None:
    save_all(engine, *(new_result() for _ in range(1_100)))
    expected = [(id_, name) for id_ in range(1, 1_101) for name in ("wandb", "mlflow")]
    assert deliveries(engine) == expected


def test_of_many_the_same_content_is_saved_once(engine: Engine) -> None:
    new, other = new_result(test_id="t"), new_result(test_id="u")
    assert save_all(engine, new, other, new) == [
        Saved(1, 1, is_new=True),
        Saved(2, 1, is_new=True),
        Saved(1, 1, is_new=False),
    ]


def test_of_many_the_revisions_of_a_test_follow_each_other(engine: Engine) -> None:
    save(engine, test_id="t", results={"n": -1})
    saved = save_all(engine, *(new_result(test_id="t", results={"n": n}) for n in range(3)))
    assert [(one.revision, one.is_new) for one in saved] == [(2, True), (3, True), (4, True)]


def test_of_many_those_that_were_there_are_not_new(engine: Engine) -> None:
    new = [new_result() for _ in range(3)]
    save_all(engine, new[1])
    assert [one.is_new for one in save_all(engine, *new)] == [True, False, True]


def test_of_many_each_has_a_time_of_its_own_in_their_order(engine: Engine) -> None:
    save_all(engine, *(new_result() for _ in range(3)))
    times = [row.created_at for row in rows(engine, results_table)]
    assert times == [NOW + timedelta(milliseconds=number) for number in range(3)]


def test_the_times_of_very_many_stay_within_a_second() -> None:
    many = [*saving._one_after_the_other([new_result()] * 5000, NOW)]
    times = [one.created_at for one in many if one.created_at]
    assert (len({*times}), times == sorted(times)) == (5000, True)
    assert max(times) < NOW + timedelta(seconds=1)


def test_of_many_one_that_has_a_time_keeps_it(engine: Engine) -> None:
    save_all(engine, new_result(), replace(new_result(), created_at=LATER))
    assert [row.created_at for row in rows(engine, results_table)] == [NOW, LATER]


def test_nothing_to_save_is_no_error(engine: Engine) -> None:
    assert save_all(engine) == []


def test_the_same_content_again_changes_nothing(engine: Engine) -> None:
    save(engine, "mlflow", test_id="t")
    before = rows(engine, results_table), rows(engine, outbox_table)
    save(engine, "mlflow", test_id="t", now=LATER)
    assert (rows(engine, results_table), rows(engine, outbox_table)) == before


def test_the_same_content_again_is_not_new(engine: Engine) -> None:
    first = save(engine, test_id="t")
    again = save(engine, test_id="t", now=LATER)
    assert again == Saved(first.result_id, 1, is_new=False)


def test_other_content_is_the_next_revision(engine: Engine) -> None:
    save(engine, test_id="t")
    assert save(engine, test_id="t", results={"accuracy": 0.9}).revision == 2


def test_each_revision_has_deliveries_of_its_own(engine: Engine) -> None:
    first = save(engine, "mlflow", test_id="t")
    second = save(engine, "mlflow", test_id="t", results={"accuracy": 0.9})
    assert deliveries(engine) == [(first.result_id, "mlflow"), (second.result_id, "mlflow")]


def test_content_of_an_earlier_revision_is_not_new(engine: Engine) -> None:
    first = save(engine, test_id="t")
    save(engine, test_id="t", results={"accuracy": 0.9})
    assert save(engine, test_id="t").result_id == first.result_id


def test_each_test_counts_its_own_revisions(engine: Engine) -> None:
    save(engine, test_id="t")
    assert save(engine, test_id="u").revision == 1


def test_each_user_counts_their_own_revisions(engine: Engine) -> None:
    save(engine, test_id="t", user_id="ann")
    assert save(engine, test_id="t", user_id="bob").revision == 1


def test_the_same_content_gets_the_delivery_of_a_provider_enabled_since(engine: Engine) -> None:
    saved = save(engine, "mlflow", test_id="t")
    save(engine, "wandb", "mlflow", test_id="t", now=LATER)
    assert deliveries(engine) == [(saved.result_id, "mlflow"), (saved.result_id, "wandb")]


def test_the_same_content_does_not_revive_a_dead_delivery(engine: Engine) -> None:
    delivery = dead(engine)
    before = rows(engine, outbox_table)
    save(engine, "mlflow", test_id=delivery.result.test_id, now=LATER)
    assert rows(engine, outbox_table) == before


def test_processes_that_save_one_test_at_once_get_a_revision_each(
    engine: Engine, database_url: str
) -> None:
    at_once(IMPORTS, SAVES, *[[database_url, name] for name in "abcd"])
    assert [row.revision for row in rows(engine, results_table)] == [*range(1, 21)]


def test_processes_that_save_one_content_at_once_store_it_once(
    engine: Engine, database_url: str
) -> None:
    printed = at_once(IMPORTS, SAVES, *[[database_url, "a"]] * 4)
    new = sum("True" in line for lines in printed for line in lines.splitlines())
    assert (new, len(rows(engine, results_table)), len(rows(engine, outbox_table))) == (5, 5, 5)
