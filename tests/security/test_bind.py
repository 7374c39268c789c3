"""Where the daemon may listen: on loopback freely, elsewhere only behind a token."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx2
import pytest

from fairmind_sync.api.server import require_guard
from fairmind_sync.errors import SettingsError
from fairmind_sync.settings import Settings
from tests.security.attack import API, BEARER, TOKEN
from tests.support.processes import command, running_daemon

OPEN_HOSTS = ["0.0.0.0", "::", socket.gethostname()]  # noqa: S104 they are what must be refused


@pytest.fixture
def env(empty_database_url: str) -> dict[str, str]:
    return {"FAIRMIND_SYNC_DATABASE_URL": empty_database_url, "FAIRMIND_SYNC_API_PORT": "0"}


@pytest.mark.parametrize("host", OPEN_HOSTS)
def test_a_daemon_that_others_could_reach_does_not_start_without_a_token(
    env: dict[str, str], host: str
) -> None:
    ended = command("run", env=env | {"FAIRMIND_SYNC_API_HOST": host}, check=False)
    mistakes = [line for line in ended.stderr.splitlines() if "settings.read" not in line]
    assert (ended.returncode, len(mistakes), ended.stdout) == (1, 1, "")


@pytest.mark.parametrize("host", OPEN_HOSTS)
def test_the_refusal_names_the_variable_to_set(env: dict[str, str], host: str) -> None:
    ended = command("run", env=env | {"FAIRMIND_SYNC_API_HOST": host}, check=False)
    assert "FAIRMIND_SYNC_API_TOKEN" in ended.stderr


@pytest.mark.parametrize("token", ["", "   ", "short"])
def test_what_is_no_token_does_not_count_as_one(env: dict[str, str], token: str) -> None:
    bad = env | {"FAIRMIND_SYNC_API_HOST": "0.0.0.0", "FAIRMIND_SYNC_API_TOKEN": token}  # noqa: S104 as above
    ended = command("run", env=bad, check=False)
    assert (ended.returncode, "FAIRMIND_SYNC_API_TOKEN" in ended.stderr) == (1, True)


def test_a_refused_daemon_leaves_no_database(env: dict[str, str], tmp_path: Path) -> None:
    command("run", env=env | {"FAIRMIND_SYNC_API_HOST": "0.0.0.0"}, check=False)  # noqa: S104 as above
    assert not (tmp_path / "database").exists()


@pytest.mark.parametrize(("headers", "status"), [({}, 401), (BEARER, 200)])
def test_with_a_token_it_starts_and_asks_for_it(
    env: dict[str, str], tmp_path: Path, headers: dict[str, str], status: int
) -> None:
    guarded = env | {"FAIRMIND_SYNC_API_HOST": "0.0.0.0", "FAIRMIND_SYNC_API_TOKEN": TOKEN}  # noqa: S104 as above
    with running_daemon(guarded, tmp_path) as daemon:
        url = daemon.url.replace("0.0.0.0", "127.0.0.1")  # noqa: S104 as above
        assert httpx2.get(f"{url}{API}/status", headers=headers, timeout=240).status_code == status


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_needs_no_token(host: str) -> None:
    require_guard(Settings(api_host=host))


@pytest.mark.parametrize(
    "host",
    [
        *OPEN_HOSTS,
        "0",
        "0.0.0.0.",
        "::ffff:0.0.0.0",
        "::%lo",
        "192.0.2.7",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "127.evil.example",
        "localhost ",
    ],
)
def test_whatever_is_not_surely_loopback_needs_one(host: str) -> None:
    with pytest.raises(SettingsError):
        require_guard(Settings(api_host=host))
