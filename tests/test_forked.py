"""What processes cost that tests fork from a preloaded one."""

from __future__ import annotations

import os

import pytest

from tests.support import forked
from tests.support.processes import PATIENCE_S

pytestmark = pytest.mark.system


def test_the_garbage_collector_leaves_alone_what_a_forked_process_shares() -> None:
    """Else its first collection looks at all that was imported, which takes longer than most commands."""
    ended = forked.run(
        "import gc; print(gc.get_freeze_count() > 100_000)",
        work=forked.text,
        env=os.environ,
        timeout=PATIENCE_S,
    )
    assert ended.stdout == "True\n"
