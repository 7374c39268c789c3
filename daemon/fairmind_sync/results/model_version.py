"""Finds the registered model's version that a result names, such as models:/name/3. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fairmind_sync.results.delivery import SavedResult

_URI = re.compile(r"models:/(?P<name>[^/@]+)/(?P<version>\d+)")
_URIS, _VERSIONS = (
    ("model_uri", "registered_model_uri"),
    ("model_version", "registered_model_version"),
)
_NAMES = ("registered_model_name", "model_name")


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A registered model's name and version."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name}/{self.version}"


def model_version_of(result: SavedResult) -> ModelVersion | None:
    """Returns the version that a `models:/name/version` names, or a version in the metadata.

    The version's model is the one that the metadata name, else the result's own. None where no version is
    named: an alias or a stage is none, because these move.
    """
    for uri in (*_texts(result, _URIS), result.model_id):
        if found := _URI.fullmatch(uri.strip()):
            return ModelVersion(found["name"], found["version"])
    version = next(_texts(result, _VERSIONS), None)
    name = next(_texts(result, _NAMES), result.model_id)
    return ModelVersion(name, version) if name and version else None


def _texts(result: SavedResult, keys: tuple[str, ...]) -> Iterator[str]:
    for key in keys:
        value = result.metadata.get(key)
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value):
            yield str(value)
