"""What a mistake is: a situation at the providers' end or in the settings, and what is to be said of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fairmind_sync.provider_names import ProviderName
from tests.standins.loopback import Reply
from tests.standins.mlflow_proxy import MlflowProxy
from tests.standins.wandb import StandInWandb

BLOCKED, OFFLINE, UNDECIDED = "blocked", "offline", "undecided"


@dataclass(frozen=True)
class World:
    """Both destinations as they should be, and a place for files."""

    proxy: MlflowProxy
    wandb: StandInWandb
    place: Path


def nothing(_world: World) -> None:
    """Leaves the world as it is."""


@dataclass(frozen=True)
class Mistake:
    """One situation, the state that the provider gets, and a part of the sentence that says what to do.

    `env` may name `{impostor}`, which answers `answer` to everything, `{place}`, `{mlflow}` and `{wandb}`.
    `spoil` does what variables can't; `mend` takes it back.
    """

    situation: str
    provider: ProviderName
    state: str
    words: str
    env: Mapping[str, str] = field(default_factory=dict)
    answer: Reply = field(default_factory=lambda: Reply(b""))
    spoil: Callable[[World], None] = nothing
    mend: Callable[[World], None] = nothing

    def __str__(self) -> str:
        return f"{self.provider}: {self.situation}"
