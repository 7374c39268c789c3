"""What becomes of a run that was uploaded without an error and that W&B doesn't show, or not whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from fairmind_sync.errors import LeaseLostError
from fairmind_sync.providers.base import Retry
from fairmind_sync.providers.wandb.content import content_of
from fairmind_sync.providers.wandb.unshown_runs import age, not_yet, when_unconfirmed
from fairmind_sync.results.delivery import Delivery
from fairmind_sync.results.error_kinds import ErrorKind
from tests.providers.wandb_calls import KEY, Notes, shown
from tests.support.values import SAVED_AT, delivery

HOUR = timedelta(hours=1)
LACKS = "the upload ended without an error, but W&B doesn't hold all of the run: "


class LostLease(Notes):
    """Of a delivery that another worker has now."""

    def created(self, one: Delivery, run_id: str) -> None:
        super().created(one, run_id)
        raise LeaseLostError


@pytest.mark.parametrize("kind", [Notes, LostLease])
def test_a_run_that_is_not_shown_is_noted_as_sent_and_waited_for(kind: type[Notes]) -> None:
    assert when_unconfirmed(delivery(), None, notes := kind()) == not_yet(delivery())
    assert notes.told == [("created", KEY)]


def test_a_run_that_was_waited_for_and_is_not_shown_is_told() -> None:
    waited = replace(delivery(), run_id=KEY)
    outcome = when_unconfirmed(waited, None, notes := Notes())
    assert (outcome, notes.told) == (Retry(ErrorKind.UNCONFIRMED, f"{LACKS}no such run"), [])


def test_a_run_that_is_not_whole_is_told_with_what_is_shown() -> None:
    held = shown(content_of(delivery(), "p"), state="running", history_lines=0)
    outcome = when_unconfirmed(delivery(), held, notes := Notes())
    words = f"{LACKS}state running, 0 history lines"
    assert (outcome, notes.told) == (Retry(ErrorKind.UNCONFIRMED, words), [])


@pytest.mark.parametrize(
    ("sent", "waits"),
    [
        (None, timedelta(seconds=30)),
        (SAVED_AT - timedelta(seconds=31), timedelta(seconds=31)),
        (SAVED_AT - HOUR, HOUR),
        (SAVED_AT - 2 * HOUR, HOUR),
    ],
)
def test_a_run_is_waited_for_as_long_as_it_was_already(sent: object, waits: timedelta) -> None:
    one = replace(delivery(), create_attempted_at=sent)  # type: ignore[arg-type]
    assert not_yet(one).after == waits
    assert not_yet(one).is_counted is False
    assert age(replace(one, create_attempted_at=SAVED_AT - HOUR)) == HOUR
