"""Drains in processes of their own that are forked ready, as the daemon's workers run them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from fairmind_sync import logs
from fairmind_sync.relay import worker
from fairmind_sync.relay.shared_flags import SharedFlags
from fairmind_sync.relay.watchdog import HUNG
from fairmind_sync.settings import load_settings
from tests.support.forked import Forked

_LONGEST_S = 240


def drain(env: Mapping[str, str]) -> None:
    """What `fairmind-sync drain` has its worker do for one provider, whatever comes of its deliveries."""
    with open(os.devnull, "r+b") as nothing:  # noqa: PTH123 its descriptor
        streams = [nothing.fileno()] * 3
        process = Forked(_drain, env={**os.environ, **env}, cwd=Path.cwd(), streams=streams)
    try:
        code = process.wait(_LONGEST_S)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"a drain took longer than {_LONGEST_S} s") from None
    finally:
        process.kill()
    assert code in (0, HUNG, worker.BROKEN), f"a drain failed with exit code {code}"


def _drain() -> None:
    configured = load_settings()
    logs.configure(configured)
    (provider,) = configured.enabled
    worker.start(configured, SharedFlags())
    worker.drain(
        provider,
        configured,
        probe_now=True,
        and_sweep=True,
        and_evidence=configured.evidence != "none",
    )
