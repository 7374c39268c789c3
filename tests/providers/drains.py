"""Drains in processes of their own that are forked ready: most of a drain's start is importing MLflow.

W&B's SDK is not imported before, as its variables have to be set first.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from fairmind_sync import logs
from fairmind_sync.relay import worker
from fairmind_sync.relay.shared_flags import SharedFlags
from fairmind_sync.relay.watchdog import HUNG
from fairmind_sync.settings import load_settings

_LONGEST_S = 120
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["fairmind_sync.relay.worker", "mlflow"])


def drain(env: Mapping[str, str]) -> None:
    """What `fairmind-sync drain` has its worker do for one provider, whatever comes of its deliveries."""
    process = _processes.Process(target=_drain, args=({**os.environ, **env}, Path.cwd()))
    process.start()
    process.join(_LONGEST_S)
    code = process.exitcode
    process.kill()
    process.join()
    process.close()
    assert code is not None, f"a drain took longer than {_LONGEST_S} s"
    assert code in (0, HUNG, worker.BROKEN), f"a drain failed with exit code {code}"


def _drain(env: dict[str, str], cwd: Path) -> None:
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    tempfile.tempdir = None  # by TMPDIR, again
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    if "FAIRMIND_TEST_TROUBLE" in env:
        from tests.system.crash.injected import injection  # noqa: PLC0415 its orders are in the variables

        injection.set_up()
    configured = load_settings()
    logs.configure(configured)
    (provider,) = configured.enabled
    worker.start(configured, SharedFlags())
    try:
        worker.drain(provider, configured, probe_now=True, and_sweep=True)
    finally:
        atexit._run_exitfuncs()  # a forked process doesn't, a worker does
