"""The Kubernetes manifests: their schema, what they say of image and settings, and that their parts meet."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import kubernetes_validate
import pytest
import yaml
from fastapi.testclient import TestClient

import fairmind_sync
from fairmind_sync.api import create_app
from fairmind_sync.settings import Settings, load_settings
from tests.security.attack import with_token
from tests.support.documents import CHECKOUT
from tests.support.variables import variables
from tests.system.test_deploy import STATE, instruction, verbs

PLACE = CHECKOUT / "daemon" / "deploy" / "kubernetes"
FILES = {path.name: path for path in sorted(PLACE.glob("*.yaml"))}
DAEMONS = {"sqlite.yaml": "StatefulSet", "postgresql.yaml": "Deployment"}
PODS = {**DAEMONS, "postgresql-upgrade.yaml": "Job"}
VERSIONS = ("1.29", kubernetes_validate.latest_version())
"""The oldest that was looked at, and the newest whose schema there is."""
HTTPS, POSTGRESQL = 443, 5432


def objects(file: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(FILES[file].read_text(encoding="utf-8")))


def the(file: str, kind: str) -> dict[str, Any]:
    (found,) = (one for one in objects(file) if one["kind"] == kind)
    return found


def template(file: str) -> dict[str, Any]:
    found: dict[str, Any] = the(file, PODS[file])["spec"]["template"]
    return found


def container(file: str) -> dict[str, Any]:
    (found,) = template(file)["spec"]["containers"]
    return dict(found)


def secret() -> dict[str, str]:
    return dict(the("secret.example.yaml", "Secret")["stringData"])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("file", FILES)
def test_kubernetes_takes_each_object(file: str, version: str) -> None:
    for one in objects(file):
        kubernetes_validate.validate(one, version, strict=True)


def test_the_schema_refuses_what_kubernetes_does_not_know() -> None:
    wrong = the("sqlite.yaml", "Service") | {"specs": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


@pytest.mark.parametrize("file", FILES)
def test_no_object_names_a_namespace(file: str) -> None:
    assert [one["metadata"].get("namespace") for one in objects(file)] == [None] * len(
        objects(file)
    )


@pytest.mark.parametrize("file", DAEMONS)
def test_the_variables_are_taken(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = the(file, "ConfigMap")["data"]
    assert {*given, *secret()} <= {*variables()}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert (settings.mistakes_in(), settings.enabled) == ([], ("mlflow",))
    assert the(file, "Service")["metadata"]["name"] in settings.api_allowed_hosts


def test_the_example_asks_for_the_token_that_an_open_address_needs() -> None:
    assert "FAIRMIND_SYNC_API_TOKEN" in secret()


@pytest.mark.parametrize("file", PODS)
def test_a_pod_gets_the_objects_variables(file: str) -> None:
    sources = [name for one in container(file)["envFrom"] for name in one.values()]
    names = [the("sqlite.yaml", "ConfigMap"), the("secret.example.yaml", "Secret")]
    assert sources == [{"name": one["metadata"]["name"]} for one in names]


@pytest.mark.parametrize("file", PODS)
def test_a_pod_is_confined_as_the_restricted_standard_demands(file: str) -> None:
    pod, inside = template(file)["spec"], container(file)["securityContext"]
    user, group = map(int, instruction("USER").split(":"))
    of_pod = {key: pod["securityContext"][key] for key in ("runAsUser", "runAsGroup")}
    assert of_pod == {"runAsUser": user, "runAsGroup": group}
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert inside == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@pytest.mark.parametrize("file", PODS)
def test_a_service_sets_no_variable_of_a_pod(file: str) -> None:
    assert template(file)["spec"]["enableServiceLinks"] is False


@pytest.mark.parametrize("file", PODS)
def test_the_image_is_this_version(file: str) -> None:
    assert container(file)["image"] == f"fairmind-sync:{fairmind_sync.__version__}"


@pytest.mark.parametrize("file", DAEMONS)
@pytest.mark.parametrize("probe", ["startupProbe", "livenessProbe", "readinessProbe"])
def test_a_probe_needs_no_token(
    configured: Settings, file: str, probe: str, engine: object
) -> None:
    asked = container(file)[probe]["httpGet"]
    client = TestClient(create_app(with_token(configured)), base_url="http://10.1.2.3")
    expected = 503 if probe == "readinessProbe" else 200  # no daemon runs
    assert client.get(asked["path"]).status_code == expected


@pytest.mark.parametrize("file", DAEMONS)
def test_ports_have_the_daemons_number_and_meet_by_name(file: str) -> None:
    (port,), (served,) = container(file)["ports"], the(file, "Service")["spec"]["ports"]
    (admitted,) = the(file, "NetworkPolicy")["spec"]["ingress"][0]["ports"]
    names = {port["name"], served["targetPort"], admitted["port"]}
    assert (names, port["containerPort"]) == ({"http"}, Settings().api_port)


@pytest.mark.parametrize("file", DAEMONS)
def test_all_objects_mean_the_same_pods(file: str) -> None:
    labels = template(file)["metadata"]["labels"]
    selectors = [
        the(file, DAEMONS[file])["spec"]["selector"]["matchLabels"],
        the(file, "Service")["spec"]["selector"],
        the(file, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    ]
    assert selectors == [labels] * 3


@pytest.mark.parametrize("file", DAEMONS)
def test_the_daemon_may_reach_what_it_delivers_to(file: str) -> None:
    egress = the(file, "NetworkPolicy")["spec"]["egress"]
    ports = {one["port"] for rule in egress for one in rule["ports"]}
    tracking = urlsplit(the(file, "ConfigMap")["data"]["MLFLOW_TRACKING_URI"]).port
    wanted = {tracking, HTTPS} | ({POSTGRESQL} if file == "postgresql.yaml" else set())
    assert wanted <= ports


@pytest.mark.parametrize("file", DAEMONS)
def test_kubernetes_waits_longer_than_the_daemon(file: str) -> None:
    grace = template(file)["spec"]["terminationGracePeriodSeconds"]
    assert grace > Settings().shutdown_seconds + 5


@pytest.mark.parametrize("file", DAEMONS)
def test_what_the_daemon_writes_can_be_written(file: str) -> None:
    mounts = {one["mountPath"]: one["name"] for one in container(file)["volumeMounts"]}
    claims = the(file, DAEMONS[file])["spec"].get("volumeClaimTemplates", [])
    volumes = [*template(file)["spec"]["volumes"], *(one["metadata"] for one in claims)]
    assert {*mounts} == {STATE, "/tmp"}  # noqa: S108 the container's
    assert {*mounts.values()} == {one["name"] for one in volumes}


def test_sqlite_has_one_pod_with_a_disk_of_its_own() -> None:
    spec = the("sqlite.yaml", "StatefulSet")["spec"]
    (claim,) = spec["volumeClaimTemplates"]
    assert (spec["replicas"], claim["spec"]["accessModes"]) == (1, ["ReadWriteOnce"])


def test_postgresql_has_several_pods_of_which_one_stays() -> None:
    spec = the("postgresql.yaml", "Deployment")["spec"]
    stays = the("postgresql.yaml", "PodDisruptionBudget")["spec"]["minAvailable"]
    assert spec["replicas"] > stays > 0


def test_the_upgrade_is_a_verb() -> None:
    assert container("postgresql-upgrade.yaml")["args"] == ["db", "upgrade"]
    assert "db" in verbs()
