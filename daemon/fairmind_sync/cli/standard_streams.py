"""Standard input and output that may be closed, full or a broken
pipe: an error of one line, not a traceback.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import BinaryIO, TextIO

from fairmind_sync.errors import PayloadError


def fill() -> None:
    """Puts /dev/null where a standard stream is closed: else the next file that is opened is taken for it.

    `sys.stdin` and `sys.stdout` stay None then, so that whoever needs these finds out.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # gets the lowest free number
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8")  # noqa: SIM115 for good


def standard_input() -> BinaryIO:
    """Returns standard input's bytes.

    Raises:
        PayloadError: standard input is closed.
    """
    if sys.stdin is None:
        raise PayloadError("standard input is closed: name a file, or pipe the results in.")
    return sys.stdin.buffer


def standard_output() -> TextIO:
    """Returns standard output.

    Raises:
        OSError: standard output is closed.
    """
    if sys.stdout is None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return sys.stdout


def trouble(error: OSError) -> str:
    """Returns what can't be written, in words; standard output is given up, so that its end says no more."""
    if error.filename is not None:
        return str(error)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return f"can't print: {error.strerror or error}. What was asked for may be done all the same."
