"""Proxies on the way to a provider: probe and delivery take the same one, and nobody tells its password."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from fairmind_sync.provider_names import PROVIDERS, ProviderName
from tests.conftest import API_KEY
from tests.standins.forward_proxy import forward_proxy
from tests.support.diagonals import diagonals, one_of
from tests.support.processes import command
from tests.system.mistakes.gateways import PASSWORD, Gateway
from tests.system.mistakes.gateways import USER as GATEWAYS_USER
from tests.system.mistakes.mistake import BLOCKED, Mistake, World
from tests.system.mistakes.of_gateways import OF_GATEWAYS
from tests.system.mistakes.worlds import RESULT, found, right, told, wrong

BY_PASSWORD = [one for one in OF_GATEWAYS if "another password" in one.situation]
USER, OTHER_PASSWORD = "ann", "another-word-of-hers"


def environment(provider: ProviderName, url: str, **more: str) -> dict[str, str]:
    """The destination, by a name that only a proxy knows, and whatever else."""
    return {
        "MLOPS_PROVIDER": provider,
        "FAIRMIND_SYNC_DATABASE_URL": url,
        "WANDB_API_KEY": API_KEY,
        "WANDB_BASE_URL": "http://wandb.example",
        "MLFLOW_TRACKING_URI": "http://mlflow.example",
        "MLFLOW_EXPERIMENT_NAME": "proxies",
        "NO_PROXY": "",
        **more,
    }


def port_of(world: World, provider: ProviderName) -> int:
    uri = {"wandb": world.wandb.base_url, "mlflow": world.proxy.uri}[provider]
    return int(urlsplit(uri).port or 0)


@pytest.fixture(scope="module")
def with_socks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A PYTHONPATH with the package that requests needs for SOCKS, which nothing else here needs."""
    place = tmp_path_factory.mktemp("socks")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, "--no-deps", "--target", str(place), "PySocks"], check=True)
    return {"PYTHONPATH": os.pathsep.join([str(place), os.environ.get("PYTHONPATH", "")])}


@pytest.mark.parametrize(
    ("variable", "provider"), diagonals(["HTTP_PROXY", "all_proxy"], PROVIDERS)
)
def test_a_socks_proxy_leads_to_the_provider(
    world: World,
    provider: ProviderName,
    variable: str,
    database_url: str,
    with_socks: dict[str, str],
) -> None:
    with forward_proxy(port_of(world, provider)) as proxy:
        env = environment(provider, database_url, **{variable: f"socks5h://127.0.0.1:{proxy.port}"})
        command("save", "-", env=env, stdin=RESULT)
        command("drain", env=env | with_socks)
    assert (found(database_url).status, proxy.asked) == ("delivered", {f"{provider}.example"})


@pytest.mark.parametrize("provider", one_of(PROVIDERS))
def test_a_socks_proxy_that_wants_another_password_blocks(
    world: World, provider: ProviderName, database_url: str, with_socks: dict[str, str]
) -> None:
    with forward_proxy(port_of(world, provider), USER, PASSWORD) as proxy:
        address = f"socks5h://{USER}:{OTHER_PASSWORD}@127.0.0.1:{proxy.port}"
        env = environment(provider, database_url, HTTP_PROXY=address)
        command("save", "-", env=env, stdin=RESULT)
        drained = command("drain", env=env | with_socks, check=False)
    state, reason = told(database_url, provider)
    assert (state, found(database_url).attempts) == (BLOCKED, 0)
    assert reason.startswith("the SOCKS proxy refuses us")
    assert OTHER_PASSWORD not in drained.stderr


@pytest.mark.parametrize(
    ("provider", "name"), diagonals(PROVIDERS, ["NO_PROXY", "no_proxy"], apart=2)
)
def test_a_host_in_no_proxy_is_asked_directly(
    world: World, provider: ProviderName, name: str, database_url: str
) -> None:
    own = {"WANDB_BASE_URL": world.wandb.base_url, "MLFLOW_TRACKING_URI": world.proxy.uri}
    away = {"HTTP_PROXY": "http://127.0.0.1:1", "NO_PROXY": "", name: "127.0.0.1"}
    env = environment(provider, database_url, **own, **away)
    command("save", "-", env=env, stdin=RESULT)
    command("drain", env=env)
    assert found(database_url).status == "delivered"


@pytest.mark.parametrize("is_in_file", one_of([False, True]))
def test_a_proxy_of_w_and_bs_own_settings_leads_to_it(
    world: World, database_url: str, tmp_path: Path, is_in_file: bool
) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    with Gateway().open(world.wandb.base_url, tmp_path) as gateway:
        address = f"http://{GATEWAYS_USER}:{PASSWORD}@127.0.0.1:{gateway['proxy']}"
        line = f"https_proxy = {address}\n" if is_in_file else ""
        (folder / "settings").write_text(f"[default]\n{line}")
        more = {} if is_in_file else {"WANDB_HTTPS_PROXY": address}
        own = {"WANDB_BASE_URL": "https://wandb.example", "WANDB_CONFIG_DIR": str(folder)}
        trusted = {"REQUESTS_CA_BUNDLE": gateway["authority"]}
        env = environment("wandb", database_url, **own, **trusted, **more)
        command("save", "-", env=env, stdin=RESULT)
        command("drain", env=env)
    assert found(database_url).status == "delivered"


@pytest.mark.parametrize("mistake", one_of(BY_PASSWORD), ids=str)
def test_the_password_of_a_proxy_is_nowhere(
    mistake: Mistake, world: World, database_url: str, tmp_path: Path
) -> None:
    env = right(world, mistake, database_url)
    with wrong(world, mistake, env) as (spoilt, _):
        command("save", "-", env=spoilt, stdin=RESULT)
        places = [
            command("drain", env=spoilt, check=False),
            command("status", "--json", env=spoilt, check=False),
            command("explain", "test-1", "--json", env=spoilt),
            command("doctor", "--json", env=spoilt, check=False),
        ]
    said = "".join(place.stdout + place.stderr for place in places)
    kept = b"".join(file.read_bytes() for file in (tmp_path / "database").iterdir())
    assert (PASSWORD in said, PASSWORD.encode() in kept) == (False, False)
