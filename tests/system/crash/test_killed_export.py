"""An export that is killed before it hands over, or after that and before it signs: nothing is lost.

One that is only asked to end then signs first.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine

from fairmind_sync.errors import BundleError
from fairmind_sync.handover import identity
from fairmind_sync.handover.checked_bundle import Gate, opened
from fairmind_sync.outbox.delivery_lookup import RunFilter, find
from tests.support.partner import PARTNER, PARTNER_KEYS, partner_trusted
from tests.support.processes import command

KILLED = """
import os, signal, sys
from fairmind_sync import cli
from fairmind_sync.handover.unsigned_bundle import UnsignedBundle
setattr(UnsignedBundle, sys.argv.pop(1), lambda *_: os.kill(os.getpid(), signal.SIGKILL))
cli.main()
"""


@pytest.mark.parametrize(("at", "status"), [("finish", "pending"), ("sign", "handed_over")])
def test_a_killed_export_leaves_no_bundle_and_loses_nothing(
    engine: Engine, tmp_path: Path, at: str, status: str
) -> None:
    partner_trusted(engine)
    env = {"FAIRMIND_SYNC_DATABASE_URL": engine.url.render_as_string(), "MLOPS_PROVIDER": "mlflow"}
    words = ["bundle", "export", str(tmp_path / "out.bundle")]
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, at, *words], env={**os.environ, **env}, check=False
    )
    assert ended.returncode == -signal.SIGKILL
    assert [one.status for one in find(engine, RunFilter())] == [status]
    (part,) = tmp_path.glob("out.bundle.*.part")
    assert not is_read(engine, part)
    command(*words, *(["--again"] if status == "handed_over" else []), env=env)
    assert is_read(engine, tmp_path / "out.bundle")


ASKED = """
import os, sys
from fairmind_sync import cli
from fairmind_sync.handover.unsigned_bundle import UnsignedBundle
sign, number = UnsignedBundle.sign, int(sys.argv.pop(1))
UnsignedBundle.sign = lambda *given: os.kill(os.getpid(), number) or sign(*given)
cli.main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_export_that_is_asked_to_end_signs_what_it_has_handed_over(
    engine: Engine, tmp_path: Path, number: signal.Signals
) -> None:
    partner_trusted(engine)
    env = {"FAIRMIND_SYNC_DATABASE_URL": engine.url.render_as_string(), "MLOPS_PROVIDER": "mlflow"}
    words = [str(int(number)), "bundle", "export", str(tmp_path / "out.bundle")]
    ended = subprocess.run(
        [sys.executable, "-c", ASKED, *words], env={**os.environ, **env}, check=False
    )
    assert ended.returncode == 0
    assert [one.status for one in find(engine, RunFilter())] == ["handed_over"]
    assert is_read(engine, tmp_path / "out.bundle")


def is_read(engine: Engine, file: Path) -> bool:
    """Whether the other site takes the file, with its one entry."""
    home = identity.own_site(engine, None).public
    gate = Gate(PARTNER, PARTNER_KEYS, {home.fingerprint: home}, 10**6)
    try:
        with opened(file, gate) as bundle:
            return len([*bundle.entries()]) == 1
    except BundleError:
        return False
