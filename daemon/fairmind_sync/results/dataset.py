"""Finds the dataset that a result names: its name, digest and source. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from fairmind_sync.results.delivery import SavedResult
from fairmind_sync.results.plain_json import Json

_DIGESTS = ("digest", "hash", "sha256", "checksum", "md5")
_SOURCES = ("source", "uri", "url", "path")
NO_DIGEST = "not-given"


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset's name; where they aren't given, the digest is `NO_DIGEST`, and the source is empty."""

    name: str
    digest: str
    source: str

    def digest_within(self, longest: int) -> str:
        """Returns the digest, or where it is longer than the limit, as much of its SHA-256 as fits."""
        if len(self.digest) <= longest:
            return self.digest
        return hashlib.sha256(self.digest.encode("utf-8", "surrogatepass")).hexdigest()[:longest]


def dataset_of(result: SavedResult) -> Dataset | None:
    """Returns the dataset; None where neither the result's id nor the metadata name one."""
    within = result.metadata.get("dataset")
    about = within if isinstance(within, dict) else {}
    names = (
        result.dataset_id,
        result.metadata.get("dataset_name"),
        within,
        about.get("name"),
        about.get("id"),
    )
    name = next((one for one in names if isinstance(one, str) and one), None)
    if name is None:
        return None
    digest = next(_texts(result.metadata, about, _DIGESTS), NO_DIGEST)
    return Dataset(name, digest, next(_texts(result.metadata, about, _SOURCES), ""))


def _texts(
    metadata: Mapping[str, Json], about: Mapping[str, Json], names: Iterable[str]
) -> Iterator[str]:
    for name in names:
        for value in (
            metadata.get(f"dataset_{name}"),
            metadata.get(f"data_{name}"),
            about.get(name),
        ):
            if isinstance(value, str) and value:
                yield value
