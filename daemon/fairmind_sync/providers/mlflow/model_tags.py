"""Tags a registered model's version at MLflow with the verdict and the run of its newest result."""

from __future__ import annotations

from fairmind_sync.providers.mlflow.runs_api import MlflowRefusedError, RunsApi
from fairmind_sync.results.delivery import SavedResult
from fairmind_sync.results.model_version import model_version_of
from fairmind_sync.results.verdict import verdict_of
from fairmind_sync.text import shorten, storable

SAVED_AT = "bias.saved_at"
_LONGEST = 250


def tag_model_version(api: RunsApi, result: SavedResult, url: str | None) -> None:
    """Sets the version's tags, unless a newer result has; harmless to repeat.

    A result that names no version, or one that the registry doesn't know, changes nothing.
    """
    version = model_version_of(result)
    if version is None:
        return
    try:
        held = api.model_version_tags(version)
    except MlflowRefusedError as error:
        if error.code == "RESOURCE_DOES_NOT_EXIST":
            return
        raise
    wanted = model_tags(result, url)
    if held.get(SAVED_AT, "") > wanted[SAVED_AT]:
        return
    for key, value in wanted.items():
        if held.get(key) != value:
            api.tag_model_version(version, key, value)


def model_tags(result: SavedResult, url: str | None) -> dict[str, str]:
    """Returns the tags; the time is the last one set, so that an interrupted call is made good."""
    verdict = verdict_of(result.results)
    stated = {
        "bias.verdict": verdict.word or "",
        "bias.risk": verdict.overall_risk or "",
        "bias.test_id": result.test_id,
        "bias.run_url": url or "",
        SAVED_AT: result.created_at.isoformat(timespec="milliseconds"),
    }
    return {key: shorten(storable(value), _LONGEST) for key, value in stated.items() if value}
