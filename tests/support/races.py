"""Processes that all start their work at the same moment."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

_GATE = "\nprint(flush=True)\ninput()\n"


def at_once(imports: str, work: str, *arguments: list[str]) -> list[str]:
    """What processes print that have all run `imports` before any starts its `work`; one for each list.

    Each process finds its list in `sys.argv[1:]`.
    """
    checkout = Path(__file__).parents[2]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (checkout, checkout / "daemon")))}
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", f"{imports}{_GATE}{work}", *given],
                    env=env,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            for given in arguments
        ]
        for process in processes:
            stack.callback(process.kill)
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()
        ended = [_open_gate(process) for process in processes]
        printed = [process.communicate(timeout=120) for process in ended]
    assert [errors for _, errors in printed] == [""] * len(arguments)
    return [text.strip() for text, _ in printed]


def _open_gate(process: subprocess.Popen[str]) -> subprocess.Popen[str]:
    assert process.stdin is not None
    with suppress(BrokenPipeError):  # it failed already: its errors tell why
        process.stdin.write("\n")
        process.stdin.flush()
    return process
