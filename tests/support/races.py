"""Processes that all start their work at the same moment."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO

from tests.support.forked import Forked, text

_GATE = "\nprint(flush=True)\ninput()\n"
_MOST_S = 120.0


def at_once(imports: str, work: str, *arguments: list[str]) -> list[str]:
    """What processes print that have all run `imports` before any starts its `work`; one for each list.

    Each process finds its list in `sys.argv[1:]`.
    """
    with ExitStack() as stack:
        source = f"{imports}{_GATE}{work}"
        racers = [
            _Racer(source, given, stack.enter_context(tempfile.TemporaryFile("w+")), stack)
            for given in arguments
        ]
        for racer in racers:
            racer.wait_until_ready()
        for racer in racers:
            racer.open_gate()
        printed = [racer.printed() for racer in racers]
    said = "".join(errors for _, errors in printed)
    assert not said, said
    return [output.strip() for output, _ in printed]


class _Racer:
    """A process that waits at a gate: its standard input."""

    def __init__(self, source: str, given: list[str], errors: IO[str], stack: ExitStack) -> None:
        gate, self._key = os.pipe()
        output, prints = os.pipe()
        self._output = stack.enter_context(os.fdopen(output))
        self._errors = errors
        stack.callback(os.close, self._key)
        streams = [gate, prints, errors.fileno()]
        try:
            self._process = Forked(
                text, source, *given, env=os.environ, cwd=Path.cwd(), streams=streams
            )
        finally:
            os.close(gate)
            os.close(prints)
        stack.callback(self._process.kill)

    def wait_until_ready(self) -> None:
        self._output.readline()

    def open_gate(self) -> None:
        with suppress(BrokenPipeError):  # it failed already: its errors tell why
            os.write(self._key, b"\n")

    def printed(self) -> tuple[str, str]:
        """To standard output and to standard error, once it has ended."""
        self._process.wait(_MOST_S)
        self._errors.seek(0)
        return self._output.read(), self._errors.read()
