"""No secret leaves for anywhere but its provider: each is looked for wherever we write or say something."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import psutil
import pytest
from sqlalchemy import make_url

from fairmind_sync.outbox import workload
from fairmind_sync.storage import schema
from fairmind_sync.storage.engine import reading
from tests.security.attack import API
from tests.security.telling import telling_servers
from tests.standins.faults import Fault
from tests.standins.mlflow_proxy import MlflowProxy
from tests.standins.wandb import Fault as WandbFault
from tests.standins.wandb import StandInWandb
from tests.support.diagonals import one_of
from tests.support.postgres import PostgresServer
from tests.support.processes import DaemonProcess, command, eventually, running_daemon

WANDB_KEY = "ca0a7" * 8
PASSWORD = "canary-p@ssword"  # noqa: S105 no secret


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode().rstrip("=")


CANARIES = {
    "W&B key": WANDB_KEY,
    "W&B key as sent": _base64(f"api:{WANDB_KEY}"),
    "API token": "canary-token-0123456789",
    "API token in base64": _base64("canary-token-0123456789"),
    "MLflow password": PASSWORD,
    "MLflow password as written": "canary-p%40ssword",
    "MLflow password as sent": _base64(f"user:{PASSWORD}"),
    "database password": "canary-d@tabase",
    "database password as written": "canary-d%40tabase",
    "database key's password": "canary-k3y",
}
TROUBLE: list[tuple[Fault, WandbFault]] = [
    (Fault("create", "status", status=400), WandbFault("upsert", "status", status=400)),
    (Fault("create", "status", status=500), WandbFault("upsert", "status", status=403)),
    (Fault("experiment", "status", status=403), WandbFault("viewer", "status", status=401)),
    (Fault("experiment", "status", status=503), WandbFault("file_stream", "status", status=401)),
]
"""One result dies, one is tried again, the provider is blocked, the provider is offline."""
VERBS = [("status",), ("runs",), ("explain", "test-1"), ("url", "--test-id", "test-1"), ("doctor",)]
PATHS = [
    *(
        "/",
        "/result?test_id=test-1",
        "/report?test_id=test-1",
        "/model?model_id=model-1",
        "/sign-in",
        "/nowhere",
    ),
    *("/metrics", "/healthz", "/readyz", "/openapi.json"),
    *(f"{API}/{path}" for path in ("status", "runs", "results/test-1", "run-url/mlflow/nope")),
]


@dataclass
class Search:
    """What was found where."""

    leaks: set[tuple[str, str]] = field(default_factory=set)

    def look(self, place: str, said: str) -> None:
        self.leaks |= {(name, place) for name, canary in CANARIES.items() if canary in said}

    def look_into_files(self, below: Path) -> None:
        for file in below.rglob("*"):
            if file.name == ".env":
                continue
            with suppress(FileNotFoundError, IsADirectoryError):  # it may just be going
                self.look(f"file {file.name}", file.read_bytes().decode("latin-1"))


@dataclass(frozen=True)
class Scene:
    """Both providers, and what a daemon and its commands are told."""

    place: Path
    mlflow: MlflowProxy
    wandb: StandInWandb
    env: dict[str, str]

    @property
    def database_url(self) -> str:
        return self.env["FAIRMIND_SYNC_DATABASE_URL"]

    def save(self, test_id: str) -> None:
        """In a process of its own: SQLite's locks of this one end when it reads the database's file."""
        result = {"test_id": test_id, "model_id": "m", "test_type": "ml_bias", "results": {}}
        command("save", "-", env=self.env, stdin=json.dumps(result))

    def unfinished(self) -> dict[str, int]:
        with reading(schema.ready_engine(self.database_url)) as connection:
            return workload.unfinished(connection, ("wandb", "mlflow"))


@pytest.fixture
def scene(
    request: pytest.FixtureRequest, tmp_path: Path, mlflow_uri: str, database_url: str
) -> Iterator[Scene]:
    """The secrets come from the environment, or from a file in the working directory."""
    (tmp_path / "scratch").mkdir()
    with telling_servers(mlflow_uri, WANDB_KEY) as (mlflow, wandb):
        secret = {
            "WANDB_API_KEY": WANDB_KEY,
            "MLFLOW_TRACKING_URI": mlflow.uri.replace("://", "://user:canary-p%40ssword@"),
            "FAIRMIND_SYNC_API_TOKEN": CANARIES["API token"],
        }
        env = {
            "MLOPS_PROVIDER": "both",
            "WANDB_BASE_URL": wandb.base_url,
            "MLFLOW_EXPERIMENT_NAME": f"canary {request.param}",
            "FAIRMIND_SYNC_DATABASE_URL": database_url,
            "TMPDIR": str(tmp_path / "scratch"),
        }
        if request.param == ".env":
            lines = (f"{name}={value}\n" for name, value in secret.items())
            (tmp_path / ".env").write_text("".join(lines))
        else:
            env |= secret
        yield Scene(tmp_path, mlflow, wandb, env)


def deliver_in_peace(scene: Scene, search: Search) -> None:
    scene.save("test-1")
    with running_daemon(scene.env, scene.place) as daemon:
        eventually(lambda: not scene.unfinished())
        look_around(scene, daemon, search)


def look_around(scene: Scene, daemon: DaemonProcess, search: Search) -> None:
    """At all that a running daemon shows: to the network, to this machine's users, to its log's readers."""
    token = {"Authorization": f"Bearer {CANARIES['API token']}"}
    for path in PATHS:
        for headers in ({}, {"Accept": "text/html"}, token):
            reply = httpx2.get(daemon.url + path, headers=headers, timeout=240)
            search.look(f"GET {path}", f"{reply.headers} {reply.text}")
    form = {"token": CANARIES["API token"]}
    search.look(
        "sign-in", str(httpx2.post(f"{daemon.url}/sign-in", data=form, timeout=240).headers)
    )
    process = psutil.Process(daemon.process.pid)
    for one in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):  # a zombie too
            search.look("command line", " ".join(one.cmdline()))
    look_at_verbs(scene, search)
    search.look_into_files(scene.place)
    search.look("log", json.dumps(daemon.events) + "".join(daemon.other_lines))


def look_at_verbs(scene: Scene, search: Search) -> None:
    for verb in VERBS:
        for options in ((), ("--json",)):
            shown = command(*verb, *options, env=scene.env, check=False)
            search.look(f"fairmind-sync {verb[0]}", shown.stdout + shown.stderr)


def fail_to_deliver(scene: Scene, search: Search) -> None:
    for fault, wandb_fault in TROUBLE:
        scene.mlflow.faults.replace([fault])
        scene.wandb.faults.replace([wandb_fault])
        scene.save("test-1")
        for provider in ("mlflow", "wandb"):
            command("resume", provider, env=scene.env)
        drained = command("drain", env=scene.env, check=False)
        search.look("fairmind-sync drain", drained.stdout + drained.stderr)
        search.look_into_files(scene.place)
    look_at_verbs(scene, search)


def fail_as_a_daemon(scene: Scene, search: Search) -> None:
    with running_daemon(scene.env, scene.place) as daemon:
        for provider in ("mlflow", "wandb"):
            command("resume", provider, env=scene.env)
        scene.save("test-2")
        eventually(lambda: daemon.seen("provider.offline") or daemon.seen("provider.blocked"))
        look_around(scene, daemon, search)


@pytest.mark.parametrize(
    ("scene", "act"),
    [
        pytest.param("environment", deliver_in_peace, marks=pytest.mark.nightly),
        pytest.param("environment", fail_to_deliver, marks=pytest.mark.nightly),
        (".env", fail_as_a_daemon),
    ],
    indirect=["scene"],
)
def test_no_secret_comes_out(scene: Scene, act: Callable[[Scene, Search], None]) -> None:
    if act is fail_as_a_daemon:
        scene.mlflow.faults.replace([TROUBLE[2][0]])
        scene.wandb.faults.replace([WandbFault("upsert", "status", status=403)])
    search = Search()
    act(scene, search)
    search.look_into_files(scene.place)
    assert search.leaks == set()


def test_the_search_would_find_a_leak(tmp_path: Path) -> None:
    search = Search()
    (tmp_path / "leaking.db").write_bytes(b"\0" + WANDB_KEY.encode())
    search.look_into_files(tmp_path)
    assert search.leaks == {("W&B key", "file leaking.db")}


@pytest.mark.parametrize(
    ("place", "database"),
    one_of([(x, y) for x in ("in parameters", "before the host") for y in ("reached", "away")]),
)
def test_no_password_of_a_database_comes_out(
    tmp_path: Path, postgres: PostgresServer, place: str, database: str
) -> None:
    url = postgres.url(postgres.new_database_of_today())
    parts = make_url(url if database == "reached" else "postgresql+psycopg://me@127.0.0.1:9/d")
    if place == "in parameters":
        given = {
            "password": CANARIES["database password"],
            "sslpassword": CANARIES["database key's password"],
        }
        parts = parts.update_query_dict(given)
    else:
        parts = parts.set(password=CANARIES["database password"])
    env = {
        "FAIRMIND_SYNC_DATABASE_URL": parts.render_as_string(hide_password=False),
        "MLOPS_PROVIDER": "none",
    }
    search = Search()
    for verb in [*VERBS, ("db", "check"), ("db", "upgrade"), ("drain",)]:
        shown = command(*verb, env=env, check=False)
        search.look(f"fairmind-sync {verb}", shown.stdout + shown.stderr)
    if database == "reached":
        with running_daemon(env, tmp_path) as daemon:
            for path in PATHS:
                search.look(path, httpx2.get(daemon.url + path, timeout=240).text)
            search.look("log", json.dumps(daemon.events) + "".join(daemon.other_lines))
    assert search.leaks == set()


@pytest.mark.parametrize("scene", ["environment"], indirect=True)
def test_a_server_with_a_password_in_its_address_is_delivered_to_after_an_outage(
    scene: Scene,
) -> None:
    scene.mlflow.stop()
    scene.save("test-1")
    with running_daemon(scene.env | {"FAIRMIND_SYNC_POLL_SECONDS": "1"}, scene.place) as daemon:
        daemon.event("provider.offline")
        scene.mlflow.start()
        eventually(lambda: len(daemon.seen("delivery.delivered")) == 2)
