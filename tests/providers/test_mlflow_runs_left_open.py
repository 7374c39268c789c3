"""What a sweep makes of one run that MLflow doesn't let it put right: the others have their turn."""

from __future__ import annotations

from typing import Any

import pytest

from fairmind_sync.errors import ProviderBlockedError, ProviderOfflineError
from fairmind_sync.outbox.unclean_attempts import Standing
from fairmind_sync.providers.mlflow.runs_api import MlflowRefusedError, UncertainError
from tests.providers.mlflow_provider_calls import KEY, NO_RUN, Api, Notes, provider
from tests.support.log_events import captured_logs
from tests.support.values import SAVED_AT

OTHER = "1" * 32
REFUSED = MlflowRefusedError("INVALID_PARAMETER_VALUE", "no")
DELETED = MlflowRefusedError("INVALID_PARAMETER_VALUE", "must be in the 'active' state")
FORBIDDEN = ProviderBlockedError("403")
SILENT = UncertainError("no reply")


def sweep(status: str, run_id: str | None, **answers: Any) -> tuple[Api, list[Any]]:
    """Of two running runs, `r` and `s`, of two deliveries that stand as given; also as if they had failed."""
    known = {key: Standing(status, run_id or of, SAVED_AT) for of, key in RUNS}
    runs = {"unfinished_runs": RUNS, "failed_runs": RUNS}
    with captured_logs() as events:
        notes = Notes(standings=known, is_sendable=False)
        provider(api := Api(**(runs | answers))).sweep((KEY, OTHER), notes)
    return api, events


RUNS = [("r", KEY), ("s", OTHER)]
LEFT = {"event": "run.left_open", "log_level": "warning", "provider": "mlflow"}


@pytest.mark.parametrize(
    ("status", "run_id", "call"),
    [
        ("delivered", "else", "delete_run"),
        ("discarded", None, "fail_run"),
        ("delivered", None, "finish_run"),
    ],
)
@pytest.mark.parametrize(("trouble", "tries"), [(REFUSED, 1), (SILENT, 2)])
def test_each_run_that_mlflow_does_not_let_us_put_right_is_told(
    status: str, run_id: str | None, call: str, trouble: Exception, tries: int
) -> None:
    api, events = sweep(status, run_id, **{call: trouble})
    left = LEFT | {"reason": str(trouble)}
    assert events == [left | {"run_id": "r"}, left | {"run_id": "s"}]
    assert [asked for asked, *_ in api.made(call)] == ["r"] * tries + ["s"] * tries


def test_a_run_that_is_off_limits_is_told() -> None:
    _, events = sweep("discarded", None, fail_run=FORBIDDEN)
    assert events == [LEFT | {"run_id": run_id, "reason": "403"} for run_id in "rs"]


def test_second_runs_that_we_may_only_edit_are_ended_as_failed() -> None:
    """As a user of MLflow's own log-in with the permission EDIT, who may not delete runs."""
    api, events = sweep("delivered", "else", delete_run=FORBIDDEN)
    kept = LEFT | {"event": "run.duplicate_kept", "reason": "403"}
    assert events == [kept | {"run_id": "r"}, kept | {"run_id": "s"}]
    assert api.made("fail_run") == [["r"], ["s"]]


def test_where_nothing_may_be_edited_either_mlflow_is_blocked() -> None:
    with pytest.raises(ProviderBlockedError, match=r"^403$"):
        sweep("delivered", "else", delete_run=FORBIDDEN, tag_experiment=FORBIDDEN)


@pytest.mark.parametrize("gone", [NO_RUN, DELETED])
def test_a_run_that_somebody_deletes_meanwhile_is_no_matter(gone: Exception) -> None:
    _, events = sweep("discarded", None, fail_run=gone)
    assert events == []


@pytest.mark.parametrize("trouble", [REFUSED, SILENT, FORBIDDEN])
def test_where_mlflow_answers_no_probe_either_it_is_away(trouble: Exception) -> None:
    with pytest.raises(ProviderOfflineError, match=r"^no reply$"):
        sweep("discarded", None, fail_run=trouble, tag_experiment=SILENT)


def test_a_server_that_is_away_is_no_runs_own() -> None:
    with pytest.raises(ProviderOfflineError, match=r"^away$"):
        sweep("discarded", None, fail_run=ProviderOfflineError("away"))
