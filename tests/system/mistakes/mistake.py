"""What a mistake is: a situation at the providers' end or in the settings, and what is to be said of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fairmind_sync.provider_names import ProviderName
from tests.standins.loopback import Reply
from tests.standins.mlflow_proxy import MlflowProxy
from tests.standins.wandb import StandInWandb
from tests.system.mistakes.gateways import Gateway

BLOCKED, OFFLINE, UNDECIDED = "blocked", "offline", "undecided"
PROXY_AWAY = {"HTTP_PROXY": "http://127.0.0.1:1", "NO_PROXY": ""}
PROXY_OF_SOCKS = {"HTTP_PROXY": "socks5://127.0.0.1:1", "NO_PROXY": ""}
TO_SIGN_IN = Reply(b"", 302, headers={"Location": "https://sso.example/login"})


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

    `env` may name `{impostor}`, which answers `answer` to everything, `{place}`, `{mlflow}` and `{wandb}`,
    and what the `gateway` before the destination brings along. `spoil` does what variables can't; `mend`
    takes it back. `mended` are the variables that mend the mistake where all others stay as they are.
    """

    situation: str
    provider: ProviderName
    state: str
    words: str
    env: Mapping[str, str] = field(default_factory=dict)
    answer: Reply = field(default_factory=lambda: Reply(b""))
    gateway: Gateway | None = None
    mended: Mapping[str, str] = field(default_factory=dict)
    spoil: Callable[[World], None] = nothing
    mend: Callable[[World], None] = nothing

    def __str__(self) -> str:
        return f"{self.provider}: {self.situation}"


def page(status: int) -> Reply:
    """A page to sign in, whatever the status."""
    text = b"<!doctype html><title>Sign in</title><h1>Sign in to go on</h1>"
    return Reply(text, status, "text/html; charset=utf-8")
