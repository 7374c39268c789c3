"""Drains with the packages of another environment, until nothing is pending."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import Engine

from fairmind_sync.intake.save import save_all
from fairmind_sync.storage.schema import ready_engine
from tests.support.deliveries import pass_time
from tests.versions.given_results import GIVEN, given_results, statuses

MOST_ROUNDS = 12
_GOES_ON = ("pending", "delivered, ")


def saved_in(place: Path, provider: str, plain_ones: int = GIVEN) -> Engine:
    """A new database in the folder with the given results, each owed to the provider."""
    place.mkdir()
    engine = ready_engine(f"sqlite:///{place}/outbox.db")
    save_all(engine, given_results(plain_ones), (provider,))
    return engine


def environment(engine: Engine, provider: str, place: Path, **more: str) -> dict[str, str]:
    """This process's variables without what belongs to its Python, and those of a drain."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    ours = {
        "MLOPS_PROVIDER": provider,
        "FAIRMIND_SYNC_DATABASE_URL": engine.url.render_as_string(),
        "HOME": str(place),
        "TMPDIR": str(place),
    }
    return kept | ours | more


def drain_all(python: Path, engine: Engine, env: Mapping[str, str], cwd: Path) -> dict[str, str]:
    """Drains again and again while something is pending, or lacks its evidence; each status afterwards."""
    for _ in range(MOST_ROUNDS):
        command = [str(python), "-m", "fairmind_sync", "drain"]
        subprocess.run(command, env=env, cwd=cwd, check=False, capture_output=True, timeout=600)
        if not any(status.startswith(_GOES_ON) for status in statuses(engine).values()):
            break
        pass_time(engine)
    return statuses(engine)
