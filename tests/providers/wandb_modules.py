"""In the place of what W&B's SDK does: notes each call, and sends nothing."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fairmind_sync.settings import Settings

ADDRESS = "https://w"


def of_wandb(name: str = "") -> Any:
    """W&B's package or a module of it, once a test asks: the import takes a second."""
    return importlib.import_module(f"wandb{name}")


def of_ours(name: str) -> Any:
    """A module of ours that stands on that package."""
    return importlib.import_module(f"fairmind_sync.providers.wandb.{name}")


@dataclass
class NotedRun:
    """A run that the SDK has opened; its end raises `trouble`."""

    id: str
    dir: str
    told: list[Any]
    trouble: Exception | None
    entity: str = "of the run"

    def log(self, row: object, *, step: int) -> None:
        self.told.append(("log", row, step))

    def save(self, file: str, *, base_path: str, policy: str) -> None:
        kept = Path(file)
        name = str(kept.relative_to(base_path))
        self.told.append(("save", name, kept.read_bytes(), policy))

    def finish(self) -> None:
        self.told.append("finish")
        if self.trouble:
            raise self.trouble

    @property
    def summary(self) -> Any:
        return SimpleNamespace(update=lambda found: self.told.append(("summary", found)))


@dataclass
class NotedSdk:
    """`told` are the calls; a run is refused by `refused`, or its end by `unfinished`."""

    place: Path
    told: list[Any] = field(default_factory=list)
    refused: Exception | None = None
    unfinished: Exception | None = None
    ending: BaseException | None = None
    made: str | None = None
    """The id of the run that the SDK makes, if not the one it is asked for."""

    def init(self, **given: Any) -> NotedRun:
        self.told.append(("init", given))
        if self.refused:
            raise self.refused
        return NotedRun(self.made or given["id"], str(self.place), self.told, self.unfinished)

    def teardown(self) -> None:
        self.told.append("teardown")
        if self.ending:
            raise self.ending


@dataclass
class NotedService:
    """W&B for our own requests: `entity` is the key's, `nodes` are the runs that it holds."""

    told: list[Any] = field(default_factory=list)
    entity: str | None = None
    nodes: list[dict[str, Any]] = field(default_factory=list)
    has: bool = True
    refuses: Exception | None = None

    def viewer_entity(self, *asked: object) -> str | None:
        self.told.append(("viewer", *asked))
        return self.entity

    def runs(self, *asked: object) -> list[dict[str, Any]]:
        self.told.append(("runs", *asked))
        return self.nodes

    def finished_runs(self, *asked: object) -> list[dict[str, Any]]:
        self.told.append(("finished", *asked))
        return self.nodes

    def has_project(self, *asked: object) -> bool:
        self.told.append(("project", *asked))
        return self.has

    def require_stream(self, *asked: object) -> None:
        self.told.append(("stream", *asked))

    def require_runs(self, *asked: object) -> None:
        self.told.append(("require", *asked))
        if self.refuses:
            raise self.refuses


@dataclass
class Stage:
    """The product's `Sdk` over noted ones; `logins` are the addresses that were logged in to."""

    noted: NotedSdk
    service: NotedService
    logins: list[Any]
    sdk: Any


def staged(
    monkeypatch: pytest.MonkeyPatch, place: Path, *, of_login: str | None = None, **settings: Any
) -> Stage:
    """Opens the `Sdk` with the directory `place`; `of_login` is the entity of a settings file."""
    noted, service, logins = NotedSdk(place / "files"), NotedService(), list[Any]()
    sdk, login = of_ours("sdk"), of_ours("login")

    def log_in(*address: str) -> Any:
        logins.append(address)
        return login.Login(ADDRESS, "https://pages", of_login, service)

    monkeypatch.setattr(sdk, "log_in", log_in)
    for name in ("init", "teardown"):
        monkeypatch.setattr(of_wandb(), name, getattr(noted, name))
    return Stage(noted, service, logins, sdk.Sdk(place, Settings(wandb_project="p", **settings)))
