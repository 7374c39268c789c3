"""Page, REST API and command line choose deliveries by the same fields."""

from __future__ import annotations

import inspect
from dataclasses import fields
from typing import Any

import pytest

from fairmind_sync.api.pages.delivery_filter import DeliveryFilter
from fairmind_sync.cli import delivery_verbs, operator_verbs
from fairmind_sync.cli.filters import chooses_what_waits
from fairmind_sync.outbox.delivery_lookup import CHOSEN_BY, RunFilter
from tests.api.test_endpoints import BASE
from tests.api.test_openapi import OPERATIONS

_OF_ERRORS = {"error", "error_kind", "cause"}


def test_the_rest_api_chooses_by_every_field() -> None:
    taken = {one["name"] for one in OPERATIONS["get", f"{BASE}/runs"]["parameters"]}
    assert taken == {*CHOSEN_BY, "limit", "cursor"}


def test_the_page_chooses_by_every_field() -> None:
    given = dict.fromkeys(DeliveryFilter().model_dump().keys() - {"sort"}, "1")
    wanted = DeliveryFilter.model_validate({**given, "since": "2026-01-01", "until": "2026-01-31"})
    unset = {name for name in CHOSEN_BY if getattr(wanted.run_filter(), name) is None}
    assert unset == set()


@pytest.mark.parametrize(
    "verb", [delivery_verbs.runs, operator_verbs.retry, operator_verbs.discard]
)
def test_each_verb_on_deliveries_chooses_by_every_field(verb: Any) -> None:
    """The status of what can be retried is no choice."""
    taken = {*inspect.signature(verb).parameters, "status"}
    assert ({*CHOSEN_BY} - taken, "wanted" in taken) == (set(), False)


def test_a_verb_on_what_waits_chooses_by_no_error() -> None:
    @chooses_what_waits
    def verb(*, wanted: RunFilter) -> None: ...

    taken = {*inspect.signature(verb).parameters}
    assert taken == {*CHOSEN_BY} - _OF_ERRORS - {"status"}


def test_what_nobody_chooses_by_is_a_place_in_the_list_or_an_id_of_ours() -> None:
    assert {field.name for field in fields(RunFilter)} - {*CHOSEN_BY} == {
        *("result_id", "delivery_id"),
        *("before", "after", "is_oldest_first"),
    }
