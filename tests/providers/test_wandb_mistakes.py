"""What is wrong in W&B's variables is found before the SDK finds it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairmind_sync.errors import ProviderBlockedError
from fairmind_sync.providers.wandb.mistakes import (
    check_address,
    check_project,
    refuse_if_off,
    refuse_way,
)
from fairmind_sync.providers.wandb.settings_files import entries, keep_the_connection


@pytest.mark.parametrize(
    "address", ["", "http://localhost:8080", "https://api.wandb.ai", "https://w.example/base/"]
)
def test_an_address_that_can_be_the_api_is_taken(address: str) -> None:
    check_address(address)


@pytest.mark.parametrize(
    "address", ["localhost:8080", "wandb.example", "ftp://h", "http://", "http://h:0", "http://h:x"]
)
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ProviderBlockedError, match="write http://host:port"):
        check_address(address)


@pytest.mark.parametrize("host", ["wandb.ai", "www.wandb.ai", "app.wandb.ai"])
def test_the_pages_host_is_told_from_the_apis(host: str) -> None:
    with pytest.raises(ProviderBlockedError, match=r"write https://api\.wandb\.ai"):
        check_address(f"https://{host}/team")


@pytest.mark.parametrize("project", ["bias", "a b.c-d_e", "p" * 128])
def test_a_project_that_w_and_b_takes_is_taken(project: str) -> None:
    check_project(project)


@pytest.mark.parametrize(
    "project", ["a#b", "a?b", "50%", "a:b", "a\\b", "/a", "a/", "a/b/c", "p" * 129]
)
def test_a_project_that_w_and_b_does_not_take_is_refused(project: str) -> None:
    with pytest.raises(ProviderBlockedError, match="at most 128 characters"):
        check_project(project)


@pytest.mark.parametrize("value", ["offline", "disabled", "dryrun", " Offline "])
def test_a_settings_file_that_switches_w_and_b_off_is_named(value: str) -> None:
    with pytest.raises(ProviderBlockedError, match="/a/settings"):
        refuse_if_off({}, {"mode": (value, Path("/a/settings"))})


def test_a_variable_wins_over_a_settings_file() -> None:
    refuse_if_off({"WANDB_MODE": "online"}, {"mode": ("offline", Path("/a/settings"))})


@pytest.mark.parametrize(
    "words",
    [
        "tls: failed to verify certificate: x509: certificate signed by unknown authority",
        "tls: failed to verify certificate: x509: certificate has expired or is not yet valid",
        "tls: first record does not look like a TLS handshake",
        "remote error: tls: certificate required",
        'Post "https://h/graphql": Proxy Authentication Required',
        "socks connect tcp 127.0.0.1:1->h:443: username/password authentication failed",
    ],
)
def test_what_bars_wandb_cores_way_is_told(words: str) -> None:
    with pytest.raises(ProviderBlockedError, match="wandb-core can't go to W&B"):
        refuse_way(f"Error initializing run: {words}")


@pytest.mark.parametrize(
    "words",
    [
        "dial tcp 127.0.0.1:1: connect: connection refused",
        "context deadline exceeded",
        "unexpected EOF",
        "local error: tls: bad record MAC",
        "HTTP 503: unavailable",
        "permission denied",
    ],
)
def test_what_only_disturbs_wandb_core_bars_nothing(words: str) -> None:
    refuse_way(f"Error initializing run: {words}")


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_the_working_directorys_settings_come_last(tmp_path: Path) -> None:
    write(tmp_path / "of-the-user/settings", "[default]\nentity = a\nmode = online\n")
    write(tmp_path / "work/wandb/settings", "[default]\nmode = offline\n")
    environ = {"WANDB_CONFIG_DIR": f"{tmp_path}/of-the-user", "WANDB_DIR": f"{tmp_path}/work"}
    found = {key: value for key, (value, _) in entries(environ).items()}
    assert found == {"entity": "a", "mode": "offline"}


@pytest.mark.parametrize("text", ["", "mode = offline", "[other]\nmode = offline", "\xff[", "[a\n"])
def test_a_settings_file_that_is_none_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "settings").write_text(text, encoding="latin-1")
    assert entries({"WANDB_CONFIG_DIR": str(tmp_path), "WANDB_DIR": str(tmp_path)}) == {}


def test_only_the_connection_is_kept(tmp_path: Path) -> None:
    given = {"base_url": "http://h", "entity": "a%b", "run_group": "theirs", "project": "theirs"}
    keep_the_connection({key: (value, tmp_path) for key, value in given.items()}, tmp_path / "kept")
    environ = {"WANDB_CONFIG_DIR": str(tmp_path / "kept"), "WANDB_DIR": str(tmp_path)}
    kept = {key: value for key, (value, _) in entries(environ).items()}
    assert kept == {"base_url": "http://h", "entity": "a%b"}
    assert (tmp_path / "kept/settings").stat().st_mode & 0o777 == 0o600


def test_a_variable_that_switches_nothing_off_hides_no_other() -> None:
    environ = {"WANDB_MODE": "online", "WANDB_DISABLED": "true"}
    with pytest.raises(ProviderBlockedError, match="switched off by WANDB_DISABLED=true"):
        refuse_if_off(environ, {})
    with pytest.raises(ProviderBlockedError, match="switched off by 'disabled = true' in /a/b"):
        refuse_if_off({"WANDB_MODE": "online"}, {"disabled": ("true", Path("/a/b"))})
