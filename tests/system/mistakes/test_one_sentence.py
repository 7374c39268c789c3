"""What is wrong is told by one sentence, wherever somebody looks: by each way that a mistake becomes one."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from pathlib import Path

import httpx2
import pytest

from tests.support.diagonals import one_of
from tests.support.processes import command, running_daemon
from tests.system.mistakes.mistake import Mistake, World
from tests.system.mistakes.worlds import MISTAKES, RESULT, right, told, wrong

OF_MLFLOW = (
    "a page to sign in",
    "no scheme in the address",
    "a token that is refused",
    "runs may not be made",
    "an experiment's name of 600 characters",
    "a time-out that is no number",
    "a SOCKS proxy without its package",
    "another host's certificate",
    "a gateway's 502",
    "nobody listens there",
    "a database without its driver",
    "Databricks without credentials",
)
OF_WANDB = (
    "a team that is not there",
    "no key",
    "a key that may only look",
    "somebody else's 404",
    "a gateway's 503",
    "nobody listens there",
    "the team in the project's name",
    "WANDB_MODE=offline",
    "another host's certificate",
    "a SOCKS proxy without its package",
    "a rate that is none",
)


def named(provider: str, situation: str) -> Mistake:
    (found,) = [one for one in MISTAKES if (one.provider, one.situation) == (provider, situation)]
    return found


CHOSEN = [
    *one_of([named("mlflow", situation) for situation in OF_MLFLOW]),
    *one_of([named("wandb", situation) for situation in OF_WANDB]),
]


@pytest.mark.parametrize("mistake", CHOSEN, ids=str)
def test_each_place_tells_the_same_sentence(
    mistake: Mistake, world: World, database_url: str, tmp_path: Path
) -> None:
    env = right(world, mistake, database_url)
    with wrong(world, mistake, env) as (spoilt, _):
        command("save", "-", env=spoilt, stdin=RESULT)
        told_by = by_commands(spoilt, mistake) | {"page": page(spoilt, tmp_path)}
        state, sentence = told(database_url, mistake.provider)
    assert state == mistake.state
    assert [place for place, words in told_by.items() if sentence not in words] == []


def by_commands(env: Mapping[str, str], mistake: Mistake) -> dict[str, str]:
    """What each place says; the second drain, too, for which nothing is new."""
    first, second = (command("drain", env=env, check=False).stderr for _ in range(2))
    *lines, last = first.splitlines()
    events = [json.loads(line) for line in lines if line.startswith("{")]
    status = json.loads(command("status", "--json", env=env, check=False).stdout)
    (explained,) = json.loads(command("explain", "test-1", "--json", env=env).stdout)
    findings = json.loads(command("doctor", "--json", env=env, check=False).stdout)
    return {
        "log": " ".join(str(event.get("reason")) for event in events),
        "drain": last,
        "a second drain": second,
        "status": str(status["providers"][mistake.provider]["reason"]),
        "explain": explained["state"],
        "doctor": " ".join(one["detail"] for one in findings if one["check"] == mistake.provider),
    }


def page(env: Mapping[str, str], cwd: Path) -> str:
    with running_daemon(env, cwd) as daemon:
        return html.unescape(httpx2.get(daemon.url, timeout=240).text)
