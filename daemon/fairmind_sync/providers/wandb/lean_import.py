"""Imports W&B's SDK in half the time, without parts of no use here."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, ModuleType

_LAUNCH = "wandb.sdk.launch.inputs.internal"


@contextmanager
def lean() -> Iterator[None]:
    """Has what is imported in the block look for no descriptions of its settings, nor for W&B Launch.

    The SDK has pydantic read the SDK's source for a description of each setting, which no process needs that
    only sets them; pydantic asks `inspect` for the frame that defines a class. And when its first run begins,
    the SDK imports all of W&B Launch and of W&B's public API, to look for inputs that a program may have
    staged for a job of W&B Launch. Nothing here stages any.
    """
    currentframe = inspect.currentframe
    inspect.currentframe = _no_frame
    try:
        yield
    finally:
        inspect.currentframe = currentframe
        _take_the_place_of_launch()


def _no_frame() -> FrameType | None:
    """Answers as a Python that has no frames to show."""
    return None


class _NoInputs:
    """Looks like the SDK's `StagedLaunchInputs` when nothing is staged."""

    def apply(self, _run: object) -> None:
        """Adds nothing to the run."""


def _take_the_place_of_launch() -> None:
    """Puts a module in the place of the SDK's, unless that was imported."""
    stand_in = ModuleType(_LAUNCH)
    stand_in.StagedLaunchInputs = _NoInputs  # type: ignore[attr-defined]
    sys.modules.setdefault(_LAUNCH, stand_in)
