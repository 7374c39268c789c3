"""A pseudo-terminal, on which a command shows what people see."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
import threading
from collections.abc import Mapping, Sequence


class Terminal:
    """A command on a pseudo-terminal, and all that it showed."""

    def __init__(
        self, arguments: Sequence[str], env: Mapping[str, str] | None = None, wide: int = 160
    ) -> None:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, wide, 0, 0))
        whole = {**os.environ, "TERM": "xterm", **(env or {})}
        for name in ("COLUMNS", "LINES"):
            whole.pop(name, None)
        # what runs in a shell's background ignores Ctrl-C, and so would its children
        listening = ["env", "--default-signal=INT", *arguments]
        self.process = subprocess.Popen(
            listening, stdin=theirs, stdout=theirs, stderr=theirs, env=whole, start_new_session=True
        )
        os.close(theirs)
        self._screen = ours
        self.shown = ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def interrupt(self) -> int:
        """Ctrl-C; the exit code."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.wait()

    def wait(self) -> int:
        """Until the command's end; the exit code."""
        code = self.process.wait(timeout=240)
        self._reader.join()
        os.close(self._screen)
        return code

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._screen, 65536)
            except OSError:  # the other side is closed
                return
            self.shown += data.decode(errors="replace")
