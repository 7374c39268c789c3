"""The Compose file: what it says of settings, container files and the MLflow server beside us is so."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from fairmind_sync.settings import Settings, load_settings
from tests.support.documents import CHECKOUT
from tests.support.variables import variables
from tests.system.test_deploy import STATE

DEPLOY = CHECKOUT / "daemon" / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
OURS, MLFLOW = COMPOSE["services"]["fairmind-sync"], COMPOSE["services"]["mlflow"]
SERVER = (DEPLOY / "mlflow.Containerfile").read_text(encoding="utf-8")
TOKEN = "FAIRMIND_SYNC_API_TOKEN"  # noqa: S105 the variable's name


def option(name: str) -> str:
    """What the MLflow server's command says of an option."""
    (found,) = re.findall(rf'"--{name}", "([^"]+)"', SERVER)
    return str(found)


def test_the_variables_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {*OURS["environment"]} <= {*variables()}
    for name, value in OURS["environment"].items():
        monkeypatch.setenv(name, str(value))
    settings = load_settings()
    assert (settings.mistakes_in(), settings.enabled) == ([], ("mlflow",))


def test_nothing_starts_without_a_token() -> None:
    assert OURS["environment"][TOKEN].startswith(f"${{{TOKEN}:?")


def test_results_go_to_the_server_beside_us() -> None:
    server = urlsplit(OURS["environment"]["MLFLOW_TRACKING_URI"])
    assert (server.hostname, str(server.port)) == ("mlflow", option("port"))
    assert f"{server.hostname}:{server.port}" in option("allowed-hosts").split(",")


def test_links_lead_to_the_published_ports() -> None:
    environment = OURS["environment"]
    links = {"FAIRMIND_SYNC_PUBLIC_URL": OURS, "FAIRMIND_SYNC_MLFLOW_PUBLIC_URL": MLFLOW}
    for name, service in links.items():
        (published,) = service["ports"]
        port = urlsplit(environment[name]).port
        assert re.fullmatch(rf"127\.0\.0\.1:{port}:\d+", published)


def test_our_port_is_the_daemons() -> None:
    assert OURS["ports"][0].endswith(f":{Settings().api_port}")


@pytest.mark.parametrize("service", COMPOSE["services"])
def test_what_is_built_is_there(service: str) -> None:
    build = COMPOSE["services"][service]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()


@pytest.mark.parametrize("service", COMPOSE["services"])
def test_a_service_is_confined(service: str) -> None:
    said = COMPOSE["services"][service]
    wanted = {
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "tmpfs": ["/tmp"],  # noqa: S108 the container's
    }
    assert {name: said[name] for name in wanted} == wanted


def test_what_is_kept_lies_in_volumes() -> None:
    kept = dict(one.split(":") for service in (OURS, MLFLOW) for one in service["volumes"])
    (place,) = re.findall(r"^VOLUME (\S+)$", SERVER, re.MULTILINE)
    assert kept == {"results": STATE, "runs": place}
    assert {*COMPOSE["volumes"]} == {*kept}
    assert all(
        option(name).find(place) >= 0 for name in ("backend-store-uri", "artifacts-destination")
    )


def test_compose_waits_longer_than_the_daemon() -> None:
    grace = float(OURS["stop_grace_period"].removesuffix("s"))
    assert grace > Settings().shutdown_seconds + 5


def test_nobody_waits_for_the_server() -> None:
    assert "depends_on" not in OURS
