"""Orders to a peer: a line of JSON each on its stdin, answered on its stdout once the work is done."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable


def take(work: Callable[..., object]) -> None:
    """Calls `work` with each order's fields until stdin ends; what an SDK prints goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    print(file=answers, flush=True)
    for line in sys.stdin:
        work(**json.loads(line))
        print(file=answers, flush=True)
