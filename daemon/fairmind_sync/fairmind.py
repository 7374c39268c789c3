"""FairMind's two services as objects whose calls never raise: an error is
logged, and answered by False, None or an empty value.

A backend's `services/bias_test_results.py` and `services/mlops_integration.py` hold one line each:

    from fairmind_sync.fairmind import bias_test_results
    from fairmind_sync.fairmind import mlops_integration

Each call takes what the call of that name in `fairmind_sync.bias_test_results` or
`fairmind_sync.mlops_integration` takes, and returns what that returns. After an error it answers as
FairMind's own service does: False, None, an empty list or an empty dictionary.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeAlias, TypeVar

from fairmind_sync import bias_test_results as results_of_ours
from fairmind_sync import mlops_integration as integration_of_ours
from fairmind_sync.provider_names import NOT_AVAILABLE, PROVIDERS
from fairmind_sync.providers import logging_error

_P = ParamSpec("_P")
_Answer = TypeVar("_Answer")
_Status: TypeAlias = dict[str, dict[str, Any]]
"""An entry for each provider."""
_EXPERIMENT = re.compile(r"/experiments/([^/?#]+)/runs/")

logger = logging.getLogger(__name__)


def _never_raises(
    call: Callable[_P, _Answer], otherwise: _Answer, words: str
) -> Callable[_P, _Answer]:
    """Returns the call; after an error, which is logged after the words, that one answers `otherwise`."""

    @wraps(call)
    def answered(*args: _P.args, **options: _P.kwargs) -> _Answer:
        try:
            return call(*args, **options)
        except Exception as error:  # noqa: BLE001 a computed result is worth more than a traceback
            logger.error("%s: %s", words, error)  # noqa: TRY400 the words are for the operator
            return otherwise

    return answered


def _awaitable(call: Callable[_P, _Answer]) -> Callable[_P, Awaitable[_Answer]]:
    """Returns the call's twin for an event loop."""

    @wraps(call)
    async def awaited(*args: _P.args, **options: _P.kwargs) -> _Answer:
        return await asyncio.to_thread(call, *args, **options)

    return awaited


def _delete(test_id: str, user_id: str | None) -> bool:
    """Deletes the user's result; returns True also where there was none, as FairMind's own service does."""
    results_of_ours.delete_test_result_sync(test_id, user_id)
    return True


def _nothing_enabled() -> dict[str, Any]:
    return {"provider": "none", **{name: {"enabled": False} for name in PROVIDERS}}


def _get_status() -> dict[str, Any]:
    return _never_raises(integration_of_ours.get_status, _nothing_enabled(), NOT_AVAILABLE)()


def _reported(call: Callable[_P, _Status]) -> Callable[_P, _Status]:
    """Returns the call, which logs what goes wrong, and whose entry of MLflow has `experiment_id`, too.

    After an error, each enabled provider's entry has `success` False and the error's words in `error`.
    """

    @wraps(call)
    def reported(*args: _P.args, **options: _P.kwargs) -> _Status:
        try:
            status = call(*args, **options)
        except Exception as error:  # noqa: BLE001 as above
            status = _failed(str(error))
        return _told(status)

    return reported


def _reported_later(
    call: Callable[_P, Coroutine[Any, Any, _Status]],
) -> Callable[_P, Coroutine[Any, Any, _Status]]:
    """Returns the same of a call for an event loop."""

    @wraps(call)
    async def reported(*args: _P.args, **options: _P.kwargs) -> _Status:
        try:
            status = await call(*args, **options)
        except Exception as error:  # noqa: BLE001 as above
            status = _failed(str(error))
        return _told(status)

    return reported


def _failed(error: str) -> _Status:
    known, nothing = _get_status(), {"success": False, "run_id": None, "url": None}
    enabled = {name: known[name]["enabled"] for name in PROVIDERS}
    return {
        name: {"enabled": is_enabled, **nothing, **({"error": error} if is_enabled else {})}
        for name, is_enabled in enabled.items()
    }


def _told(status: _Status) -> _Status:
    """Logs what went wrong; returns the status with MLflow's experiment."""
    for name, entry in status.items():
        if entry.get("error"):
            logger.error("%s: %s", logging_error(name), entry["error"])
    return status | {"mlflow": _with_experiment(status["mlflow"])}


def _with_experiment(entry: dict[str, Any]) -> dict[str, Any]:
    found = _EXPERIMENT.search(entry["url"] or "")
    return {**entry, "experiment_id": found[1] if found else None}


class BiasTestResults:
    """FairMind's results service; each call has a twin for code without a loop, which ends in `_sync`."""

    save_test_result_sync = staticmethod(
        _never_raises(results_of_ours.save_test_result_sync, False, "Failed to save test result")
    )
    get_test_result_sync = staticmethod(
        _never_raises(results_of_ours.get_test_result_sync, None, "Failed to retrieve test result")
    )
    list_test_results_sync = staticmethod(
        _never_raises(results_of_ours.list_test_results_sync, [], "Failed to list test results")
    )
    delete_test_result_sync = staticmethod(
        _never_raises(_delete, False, "Failed to delete test result")
    )
    get_test_statistics_sync = staticmethod(
        _never_raises(results_of_ours.get_test_statistics_sync, {}, "Failed to get statistics")
    )
    report_sync = staticmethod(
        _never_raises(results_of_ours.report_sync, None, "Failed to make a report")
    )
    save_test_result = staticmethod(_awaitable(save_test_result_sync))
    get_test_result = staticmethod(_awaitable(get_test_result_sync))
    list_test_results = staticmethod(_awaitable(list_test_results_sync))
    delete_test_result = staticmethod(_awaitable(delete_test_result_sync))
    get_test_statistics = staticmethod(_awaitable(get_test_statistics_sync))
    report = staticmethod(_awaitable(report_sync))


class MLOpsIntegration:
    """FairMind's integration service: its status, logging by hand, and runs' addresses."""

    is_enabled = staticmethod(_never_raises(integration_of_ours.is_enabled, False, NOT_AVAILABLE))
    get_status = staticmethod(_get_status)
    get_run_url = staticmethod(
        _never_raises(integration_of_ours.get_run_url, None, "Failed to look up a run")
    )
    log_bias_test = staticmethod(_reported(integration_of_ours.log_bias_test))
    log_bias_test_async = staticmethod(_reported_later(integration_of_ours.log_bias_test_async))


bias_test_results = BiasTestResults()
mlops_integration = MLOpsIntegration()
