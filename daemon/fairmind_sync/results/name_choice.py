"""The numbers of the two ways of naming (1 and 2) and which is the
newest; `naming` has the ways themselves.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

Names: TypeAlias = Literal[1, 2]
NEWEST_NAMES: Names = 2
