"""Which calls of MLflow's API a delivery makes, and what each answer becomes: no server is asked."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import chain
from typing import Any

import pytest

from fairmind_sync.errors import ProviderBlockedError, ProviderOfflineError
from fairmind_sync.providers.base import Dead, Delivered, Retry
from fairmind_sync.providers.mlflow.content import DELIVERY_KEY_TAG
from fairmind_sync.providers.mlflow.provider import GRACE
from fairmind_sync.providers.mlflow.runs_api import (
    MlflowRefusedError,
    NotSentError,
    RunPlace,
    StoredRun,
    UncertainError,
)
from fairmind_sync.results.delivery import Run
from fairmind_sync.results.error_kinds import ErrorKind
from tests.providers.mlflow_provider_calls import (
    ATTEMPTED,
    KEY,
    KNOWN,
    NO_RUN,
    THERE,
    URL,
    Api,
    Kept,
    Lost,
    Notes,
    deliver,
    provider,
)
from tests.support.log_events import captured_logs
from tests.support.values import SAVED_AT, delivery


def test_a_new_delivery_makes_a_run_fills_and_ends_it() -> None:
    outcome = deliver(api := Api(), delivery(), notes := Notes())
    assert outcome == Delivered(Run("r", URL), THERE, None)
    assert notes.told == [("creating", THERE), ("created", "r")]
    assert api.made("experiment_id") == [["e"]]
    assert api.made("run_url") == [["7", "r"]]
    assert api.made("finish_run") == [["r", SAVED_AT]]
    assert "find_run" not in api.names()


def test_a_run_is_made_in_its_experiment_with_what_it_is_to_hold() -> None:
    deliver(api := Api(), delivery(metadata={"text": "x" * 7_000}))
    ((experiment, name, start, tags),) = api.made("create_run")
    assert (experiment, name, start) == ("7", "model-1 - ml_bias - test-1", SAVED_AT)
    assert (tags[DELIVERY_KEY_TAG], tags["mlflow.source.type"]) == (KEY, "JOB")


def test_what_is_not_sent_as_it_was_saved_is_logged() -> None:
    with captured_logs() as events:
        deliver(Api(), delivery(metadata={"text": "x" * 7_000}))
    adjusted = ("parameter text is shortened from 7000 characters",)
    told = {"event": "delivery.content_adjusted", "delivery": 1, "log_level": "warning"}
    assert events == [told | {"adjusted": adjusted}]


def test_a_run_whose_tags_are_refused_is_made_with_shorter_ones() -> None:
    class Older(Api):
        def create_run(self, *given: Any) -> RunPlace:
            self.calls.append(("create_run", *given))
            if any(len(value) > 5_000 for value in given[-1].values()):
                raise MlflowRefusedError("INVALID_PARAMETER_VALUE", "too long")
            return RunPlace("r", "")

    outcome = deliver(api := Older(), delivery(results={"summary": "s" * 7_000}))
    assert isinstance(outcome, Delivered)
    assert {given[0] for given in api.made("create_run")} == {"7"}


def test_a_long_delivery_tells_of_its_progress() -> None:
    many = delivery(results={f"m{number}": number / 8 for number in range(1_000)})
    deliver(Api(), many, notes := Notes())
    assert notes.told == [("creating", THERE), ("created", "r"), ("progressed", KEY)]


def test_a_run_links_to_the_page_of_its_result() -> None:
    deliver(api := Api(), delivery(), public_url="https://status")
    ((*_, tags),) = api.made("create_run")
    assert tags["mlflow.note.content"].endswith("(https://status/result?test_id=test-1)")


@pytest.mark.parametrize("is_wanted", [True, False])
def test_a_models_version_is_tagged_where_that_is_wanted(is_wanted: bool) -> None:
    api, one = Api(model_version_tags={}), delivery(metadata={"model_version": 3})
    vars(api)["artifacts"] = kept = Kept()
    deliver(api, one, evidence="result", mlflow_model_tags=is_wanted)
    assert [*kept] == ["evidence/result.json"]
    assert ("tag_model_version" in api.names()) is is_wanted


def test_an_experiment_that_nobody_foresaw_blocks() -> None:
    with pytest.raises(ProviderBlockedError) as blocked:
        deliver(Api(experiment_id=KeyError("odd")), delivery())
    assert str(blocked.value) == "the MLflow experiment can't be had: KeyError: 'odd'"


NOT_MADE = [NotSentError("nobody"), MlflowRefusedError("X", "no"), ProviderBlockedError("gateway")]


@pytest.mark.parametrize("error", NOT_MADE)
def test_a_run_that_was_certainly_not_made_leaves_no_doubt(error: Exception) -> None:
    with suppress(ProviderOfflineError, ProviderBlockedError):
        deliver(Api(create_run=error), delivery(), notes := Notes())
    assert notes.told == [("creating", THERE), ("not created", KEY)]


def test_a_lost_reply_is_uncertain_for_half_a_minute() -> None:
    outcome = deliver(Api(create_run=UncertainError("no reply")), delivery(), notes := Notes())
    assert outcome == Retry(ErrorKind.UNCERTAIN, "no reply", after=timedelta(seconds=30))
    assert notes.told == [("creating", THERE)]


def test_an_earlier_create_may_still_be_under_way_and_costs_no_attempt() -> None:
    early = replace(ATTEMPTED, claimed_at=SAVED_AT + GRACE - timedelta(seconds=1))
    outcome = deliver(api := Api(), early)
    assert outcome == Retry(
        ErrorKind.UNCERTAIN,
        "an earlier create may still be under way",
        after=timedelta(seconds=1),
        is_counted=False,
    )
    assert api.names() == ["experiment_id"]


def test_an_earlier_create_is_looked_for_by_its_key() -> None:
    outcome = deliver(api := Api(find_run="r"), ATTEMPTED, notes := Notes())
    assert (outcome, notes.told) == (Delivered(Run("r", URL), THERE, None), [("created", "r")])
    assert api.made("find_run") == [["7", DELIVERY_KEY_TAG, KEY]]
    assert api.made("stored_run") == [["r"]]
    assert "create_run" not in api.names()


def test_a_run_that_was_found_is_filled_only_once_it_is_recorded() -> None:
    reports = provider(api := Api(find_run="r")).deliver([ATTEMPTED], Lost(), lambda: True)
    assert [*chain.from_iterable(reports)] == []
    assert api.names() == ["experiment_id", "find_run"]


def test_what_was_not_found_is_made() -> None:
    deliver(api := Api(), ATTEMPTED, notes := Notes())
    assert ("created", "r") in notes.told
    assert "create_run" in api.names()


def test_a_run_whose_id_is_known_is_not_looked_for() -> None:
    deliver(api := Api(), replace(KNOWN, claimed_at=SAVED_AT))
    assert not {"find_run", "create_run"} & {*api.names()}


def test_a_whole_run_is_not_ended_again() -> None:
    outcome = deliver(api := Api(stored_run=StoredRun(is_finished=True)), KNOWN)
    assert isinstance(outcome, Delivered)
    assert "finish_run" not in api.names()


def test_a_run_that_was_deleted_is_dead() -> None:
    outcome = deliver(Api(stored_run=StoredRun(is_deleted=True)), KNOWN)
    assert outcome == Dead(ErrorKind.RUN_DELETED, "the run was deleted at MLflow")


def test_a_run_that_is_gone_is_dead_if_the_experiment_is_there() -> None:
    outcome = deliver(api := Api(stored_run=NO_RUN), KNOWN)
    words = "the run was deleted at MLflow: Run with id=r not found"
    assert outcome == Dead(ErrorKind.RUN_DELETED, words)
    assert api.made("tag_experiment") == [["7"]]


def test_content_that_mlflow_refuses_is_dead() -> None:
    outcome = deliver(Api(finish_run=MlflowRefusedError("ODD", "no")), KNOWN)
    assert outcome == Dead(ErrorKind.REJECTED, "MLflow refuses this result (ODD): no")


def test_content_that_a_gateway_refuses_is_given_up_at_the_second_refusal() -> None:
    outcome = deliver(Api(log_batch=ProviderBlockedError("no such size")), KNOWN)
    assert outcome == Retry(ErrorKind.REFUSED, "no such size", at_most=2)


@pytest.mark.parametrize("call", ["stored_run", "finish_run"])
def test_a_known_run_that_is_off_limits_is_given_up_at_the_second_refusal(call: str) -> None:
    """As one in another experiment than today's: it holds nothing else back."""
    api = Api(**{call: ProviderBlockedError("403")})
    assert deliver(api, KNOWN) == Retry(ErrorKind.REFUSED, "403", at_most=2)
    assert api.names()[-1] == "tag_experiment"


def test_a_known_run_that_is_off_limits_as_all_else_is_blocks() -> None:
    blocked = ProviderBlockedError("403")
    with pytest.raises(ProviderBlockedError, match=r"^403$"):
        deliver(Api(stored_run=blocked, tag_experiment=blocked), KNOWN)


def test_a_lost_run_is_found_by_its_content_where_that_is_wanted() -> None:
    with captured_logs() as events:
        outcome = deliver(api := Api(find_run="x"), delivery(), find_lost_runs=True)
    assert isinstance(outcome, Delivered)
    assert outcome.run.id == "x"
    ((experiment, tag, digest, whole),) = api.made("find_run")
    assert (experiment, tag, len(digest), whole) == (
        "7",
        "fairmind.content_digest",
        64,
        ("is_whole", True),
    )
    assert events == [
        {"event": "run.found_again", "log_level": "info", "provider": "mlflow", "run_id": "x"}
    ]


def test_a_lost_run_is_not_looked_for_otherwise() -> None:
    deliver(api := Api(find_run="x"), delivery())
    assert "find_run" not in api.names()


def test_evidence_doubles_the_connections() -> None:
    assert [provider(Api(), evidence=kind).threads for kind in ("none", "full")] == [4, 8]


def test_an_experiment_is_asked_for_once_and_anew_by_each_probe() -> None:
    one = provider(api := Api())
    for _ in range(2):
        [*one.deliver([], Notes(), lambda: True)]
    assert api.names() == ["experiment_id"]
    one.probe()
    assert api.names() == ["experiment_id", "experiment_id", "tag_experiment"]
