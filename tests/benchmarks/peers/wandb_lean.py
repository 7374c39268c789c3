"""W&B as fast as its SDK goes: sixteen threads, all that can be spared switched off, nothing verified."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

os.environ["WANDB_ERROR_REPORTING"] = "false"  # before wandb-core starts

import wandb

from tests.benchmarks.content import METRICS, PARAMS, TAGS
from tests.benchmarks.peers import order

THREADS = 16


def log(runs: int) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(_log_one, range(runs)))


def _log_one(_number: int) -> None:
    run = wandb.init(
        project="lean",
        name="a run",
        id=uuid4().hex,
        config=dict(PARAMS),
        tags=list(TAGS.values()),
        mode="online",
        resume="allow",
        reinit="create_new",
        settings=_settings(),
    )
    run.log(METRICS, step=0)
    run.finish()


def _settings() -> wandb.Settings:
    return wandb.Settings(
        silent=True,
        console="off",
        symlink=False,
        disable_git=True,
        disable_code=True,
        save_code=False,
        x_disable_meta=True,
        x_disable_stats=True,
        x_disable_machine_info=True,
        x_save_requirements=False,
        x_primary=False,
        x_skip_transaction_log=True,
        init_timeout=15,
        finish_timeout=15,
        finish_timeout_raises=True,
        stop_fn=lambda: None,
        root_dir=sys.argv[1],
    )


if __name__ == "__main__":
    wandb.setup()  # in one thread: its first reader fills settings that others would see half filled
    order.take(log)
