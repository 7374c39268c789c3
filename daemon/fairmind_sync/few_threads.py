"""Runs blocking work of asynchronous code in a few threads kept for
one purpose, so that it crowds nothing else out.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import TypeVar

_Result = TypeVar("_Result")


@cache
def _threads(name: str, count: int, _pid: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, thread_name_prefix=name)


async def run_in(
    name: str, count: int, work: Callable[..., _Result], *arguments: object
) -> _Result:
    """Runs the work in one of the process's `count` threads of that name, and returns what it returns.

    The threads start when there is work; a forked child has others, as threads don't live through a fork.
    """
    threads = _threads(name, count, os.getpid())
    return await asyncio.get_running_loop().run_in_executor(threads, partial(work, *arguments))
