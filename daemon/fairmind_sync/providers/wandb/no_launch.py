"""Spares W&B's SDK an import that costs as much as the rest of the SDK.

When its first run begins, the SDK imports all of W&B Launch and of W&B's public API, to look for inputs that
a program may have staged for a job of W&B Launch. Nothing here stages any.
"""

from __future__ import annotations

import sys
from types import ModuleType

_MODULE = "wandb.sdk.launch.inputs.internal"


class _NoInputs:
    """Looks like the SDK's `StagedLaunchInputs` when nothing is staged."""

    def apply(self, _run: object) -> None:
        """Adds nothing to the run."""


def spare_the_import() -> None:
    """Has the SDK find no inputs, in a module that takes the place of the SDK's, unless that was imported."""
    stand_in = ModuleType(_MODULE, __doc__)
    stand_in.StagedLaunchInputs = _NoInputs  # type: ignore[attr-defined]
    sys.modules.setdefault(_MODULE, stand_in)
