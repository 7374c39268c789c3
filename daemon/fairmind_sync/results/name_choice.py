"""Which of the two ways of naming runs and what they hold is chosen; `naming` has the ways themselves."""

from __future__ import annotations

from typing import Literal, TypeAlias

Names: TypeAlias = Literal[1, 2]
NEWEST_NAMES: Names = 2
