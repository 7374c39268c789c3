"""`python -m tests.standins.wandb --port-file PATH`: a process of its own, until SIGTERM."""

from __future__ import annotations

import argparse
import os
import signal
import threading
from pathlib import Path

from tests.standins.wandb.server import serve_wandb


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--port-file", type=Path, required=True)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    arguments = parser.parse_args()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    parent = os.getppid()
    with serve_wandb(port=arguments.port) as standin:
        standin.latency_s = arguments.latency
        draft = arguments.port_file.with_suffix(".draft")
        draft.write_text(standin.base_url.rsplit(":", 1)[-1])
        draft.rename(arguments.port_file)
        while not stop.wait(0.5) and os.getppid() == parent:
            pass


if __name__ == "__main__":
    main()
