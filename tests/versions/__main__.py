"""`python -m tests.versions`: other versions than the installed ones, each in an environment of its own.

`floors` tests with the oldest versions of all that pyproject.toml allows. `producers` tests base installs,
with the oldest versions and with another Python; `fairmind` with the versions of FairMind's backend.
`servers` delivers to old and new servers of MLflow; `clients` does so with the oldest client of MLflow;
`sdks` delivers with versions of W&B's SDK. Versions may be named after `servers` and `sdks`. Without a word
all are tried.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.versions import fairmind, floors, producers
from tests.versions.environments import make, with_our_package
from tests.versions.requirements import floor_of, requirements
from tests.versions.tracking_servers import NEWEST, OLDER, try_servers
from tests.versions.wandb_sdks import TRIED, try_sdks

TRIES = ("floors", "producers", "fairmind", "servers", "clients", "sdks")


def try_oldest_client() -> bool:
    """Delivers to the oldest server and to the newest one of those named, with the oldest client."""
    needed = [str(one) for one in requirements("daemon", "postgres")]
    (mlflow,) = [one for one in requirements("mlflow") if one.name == "mlflow-skinny"]
    with tempfile.TemporaryDirectory() as place:
        python = with_our_package(make(Path(place) / "venv", floor_of(mlflow), *needed))
        return try_servers((OLDER[0], OLDER[-1]), python)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="?", choices=TRIES)
    parser.add_argument("versions", nargs="*")
    given = parser.parse_args()
    tries: dict[str, Callable[[], bool]] = {
        "floors": floors.tried,
        "producers": producers.tried,
        "fairmind": fairmind.tried,
        "servers": lambda: try_servers(given.versions or (*OLDER, NEWEST)),
        "clients": try_oldest_client,
        "sdks": lambda: try_sdks(given.versions or TRIED),
    }
    chosen = [given.what] if given.what else TRIES
    failed = [what for what in chosen if not tries[what]()]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
