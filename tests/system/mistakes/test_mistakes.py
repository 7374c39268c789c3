"""Whatever is wrong at the providers' end, or in the settings: nothing is lost, and no attempt is used up.

Each situation is met by a drain and by a daemon. The provider's state and sentence are as the matrix says;
once the mistake is mended, the result is delivered.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.diagonals import diagonals
from tests.support.processes import command, eventually, running_daemon
from tests.system.mistakes.mistake import UNDECIDED, Mistake, World
from tests.system.mistakes.worlds import MISTAKES, RESULT, found, right, told, wrong


def is_as_promised(database_url: str, mistake: Mistake) -> None:
    record = found(database_url)
    assert (record.status, record.attempts) == ("pending", 0)
    if mistake.state == UNDECIDED:
        assert record.provider == UNDECIDED
        return
    state, reason = told(database_url, mistake.provider)
    assert (state, mistake.words in reason) == (mistake.state, True), reason


@pytest.mark.parametrize(
    ("mistake", "way"), diagonals(MISTAKES, ["drain", "daemon"], apart=24), ids=str
)
def test_a_mistake(
    mistake: Mistake, way: str, world: World, database_url: str, tmp_path: Path
) -> None:
    env = right(world, mistake, database_url)
    with wrong(world, mistake, env) as (spoilt, mended):
        command("save", "-", env=spoilt, stdin=RESULT)
        WAYS[way](spoilt, mistake, tmp_path)
        is_as_promised(database_url, mistake)
        if mistake.mended:
            command("drain", env=mended)
            assert found(database_url).status == "delivered"
    command("drain", env=env)
    assert found(database_url).status == "delivered"


def by_drain(env: dict[str, str], _mistake: Mistake, _cwd: Path) -> None:
    assert command("drain", env=env, check=False).returncode == 1


def by_daemon(env: dict[str, str], mistake: Mistake, cwd: Path) -> None:
    with running_daemon(env, cwd) as daemon:
        if mistake.state != UNDECIDED:
            daemon.event(f"provider.{mistake.state}")
        eventually(lambda: found(env["FAIRMIND_SYNC_DATABASE_URL"]).lease_expires_at is None)
        assert daemon.stop() == 0
        assert not daemon.seen("provider.recovered")


WAYS: dict[str, Any] = {"drain": by_drain, "daemon": by_daemon}
