"""In the place of traces: notes which requests a provider tells of, and what each was answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from fairmind_sync import tracing
from fairmind_sync.results.delivery import Delivery


@dataclass
class NotedRequests:
    """`told` are each delivery's number, the words of each request, and the status that answered it."""

    told: list[Any] = field(default_factory=list)

    @contextmanager
    def request(self, *words: str) -> Iterator[Callable[[int], None]]:
        self.told.append(words)
        yield self.told.append

    @contextmanager
    def working_on(self, delivery: Delivery) -> Iterator[None]:
        self.told.append(delivery.id)
        yield

    @contextmanager
    def request_for_all(self, what: str, keys: Iterable[str]) -> Iterator[None]:
        self.told.append((what, [*keys]))
        yield


def noted_requests(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Has this process's traces be noted from now on."""
    noted = NotedRequests()
    monkeypatch.setattr(tracing, "current", lambda: noted)
    return noted.told
