"""Fixtures of the questions to W&B, which each module of them has under its own names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    from tests.simulation.wandb_benches import Bench, SdkBench

slow_on_the_sdk = pytest.mark.parametrize(
    "bench",
    ["model", pytest.param("sdk", marks=[pytest.mark.system, pytest.mark.nightly])],
    indirect=True,
)
"""Ten seconds: the SDK's patience."""


@pytest.fixture(scope="module")
def sdk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SdkBench]:
    """One for all tests: to start one takes a second."""
    from tests.simulation.wandb_benches import sdk_bench

    with sdk_bench(tmp_path_factory.mktemp("sdk")) as bench:
        yield bench


@pytest.fixture(params=["model", pytest.param("sdk", marks=pytest.mark.system)])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    from tests.simulation.wandb_benches import ModelBench

    if request.param == "model":
        yield ModelBench()
        return
    shared = request.getfixturevalue("sdk")
    yield shared
    shared.come_back()


@pytest.fixture
def run() -> str:
    """An id that no other test uses."""
    return uuid4().hex


def error_of(bench: Bench, call: str, *arguments: object) -> str:
    """The name of the error that the call raises; nothing if it raises none."""
    try:
        bench.ask(call, *arguments)
    except Exception as error:  # noqa: BLE001 a test looks at its name
        return type(error).__name__
    return ""
