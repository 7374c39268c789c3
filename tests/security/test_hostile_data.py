"""Data made to attack: it is shown as it is, obeyed nowhere, and never answered with a 500."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, func, select

from fairmind_sync.errors import ProviderBlockedError
from fairmind_sync.intake import fairmind_files
from fairmind_sync.operating import actions
from fairmind_sync.providers.base import Dead, Delivered, Outcome
from fairmind_sync.relay.loop import Relay
from fairmind_sync.results.delivery import Run
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.settings import Settings
from fairmind_sync.storage.engine import reading
from fairmind_sync.storage.tables import outbox_table
from fairmind_sync.testing import FakeProvider, new_result
from fairmind_sync.text import web_url
from tests.api.test_endpoints import body
from tests.security.attack import API, client_of
from tests.support.databases import store_of
from tests.support.deliveries import save_with
from tests.support.diagonals import diagonals
from tests.support.processes import command

pytestmark = pytest.mark.mostly_sqlite

XSS = "'\"><script>alert(1)</script><img src=x onerror=alert(1)>"
PAGES = [
    "/",
    f"/result?test_id={quote(XSS)}",
    f"/report?test_id={quote(XSS)}",
    f"/deliveries?error={quote(XSS)}",
    "/models",
    f"/compare?model_id={quote(XSS)}&model_id=other&metric={quote(XSS)}",
    "/operators",
    f"/deliveries?q={quote(XSS)}&provider={quote(XSS)}&status={quote(XSS)}&user={quote(XSS)}",
    f"/deliveries/confirm?do=discard&error={quote(XSS)}&back={quote(XSS)}",
    f"/model?model_id={quote(XSS)}&metric={quote(XSS)}",
    f"/sign-in?back={quote(XSS)}",
]
INJECTIONS = [
    "' OR 1=1 --",
    "x' OR 'a'='a",
    "'; DROP TABLE outbox; --",
    '" OR ""="',
    "') UNION SELECT * FROM outbox --",
    "%",
    "_",
    "\\%",
    "?1",
    ":test_id",
]
FILTERS = [
    f"{API}/runs?test_id=",
    f"{API}/runs?model_id=",
    f"{API}/runs?provider=",
    f"{API}/runs?status=",
    f"{API}/runs?since=",
    f"{API}/runs?cursor=",
    f"{API}/results/test-1?user_id=",
    f"{API}/results/",
    f"{API}/run-url/mlflow/",
    "/deliveries?q=",
    "/deliveries?provider=",
    "/deliveries?status=",
    "/deliveries?user=",
    "/deliveries?type=",
    "/deliveries?risk=",
    "/deliveries?error=",
    "/deliveries?kind=",
    "/models?q=",
    "/compare?model_id=other&model_id=",
    "/result?test_id=",
    "/model?model_id=",
]


class Tags(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def dangers(page: str) -> list[str]:
    """What in a page would run, or load from elsewhere, other than the page's own script and images."""
    return [
        f"{tag} {attributes}"
        for tag, attributes in Tags(page).found
        if any(name.startswith("on") for name in attributes)
        or (tag == "script" and attributes.get("src") != "/static/page.js")
        or (tag in ("img", "image") and not str(attributes.get("src")).startswith("/"))
        or any(
            str(value).lower().strip().startswith("javascript:") for value in attributes.values()
        )
    ]


def relay(engine: Engine, outcome: Outcome | Exception) -> None:
    Relay(engine, FakeProvider("mlflow", script=[outcome]), max_attempts=1).drain()


@pytest.fixture
def client(configured: Settings) -> TestClient:
    return client_of(configured)


@pytest.fixture
def infected(configured: Settings, engine: Engine) -> TestClient:
    """A database with an attack in each field that the page shows."""
    content = {XSS: 1.5, "summary": XSS, "risk_level": XSS, "recommendations": [XSS]}
    attack = new_result(
        test_id=XSS, model_id=XSS, user_id=XSS, dataset_id=XSS, test_type=XSS,
        results=content, metadata={XSS: XSS},
    )  # fmt: skip
    save_with(configured, [attack])
    relay(engine, Dead(ErrorKind.REJECTED, XSS))
    actions.discard(store_of(configured), [1], XSS)
    fake = FakeProvider("wandb", script=[ProviderBlockedError(XSS)])
    Relay(engine, fake, max_attempts=1).drain()
    return client_of(configured)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_runs_nothing_that_it_shows(infected: TestClient, path: str) -> None:
    assert dangers(infected.get(path).text) == []


@pytest.mark.parametrize("path", PAGES[:7])
def test_a_page_shows_the_attack_as_text(infected: TestClient, path: str) -> None:
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in infected.get(path).text


def test_the_parser_would_see_an_attack() -> None:
    assert len(dangers(f'<p title="{XSS}">')) == 2


@pytest.mark.parametrize(
    "path", ["/nowhere/", f"{API}/results/", "/result?test_id=no", "/model?model_id=no"]
)
def test_an_error_that_repeats_an_attack_runs_nothing(client: TestClient, path: str) -> None:
    reply = client.get(path + quote(XSS))
    is_page = reply.headers["Content-Type"].startswith("text/html")
    assert not is_page or dangers(reply.text) == []


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java\nscript:alert(1)",
        "\x01javascript:alert(1)",
        " javascript:alert(1)",
        "javascript://wandb.ai/%0aalert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "file:///etc/passwd",
        "//evil.example/x",
        "http:evil.example",
        "https://",
        "http://[",
        "",
        None,
    ],
)
def test_what_is_no_web_address_is_no_run_url(url: str | None) -> None:
    assert web_url(url) is None


def test_a_web_address_is_one() -> None:
    assert web_url("https://wandb.ai/a/b/runs/c?d=e#f") == "https://wandb.ai/a/b/runs/c?d=e#f"


@pytest.mark.parametrize("page", ["/", "/result?test_id=t"])
def test_a_hostile_providers_address_is_no_link(
    configured: Settings, engine: Engine, page: str
) -> None:
    save_with(configured, [new_result(test_id="t")])
    relay(engine, Delivered(Run("run-1", "javascript:alert(1)"), "elsewhere"))
    assert dangers(client_of(configured).get(page).text) == []


def found_by(reply: Any) -> int:
    """How many deliveries or results an answer shows."""
    if reply.headers["Content-Type"].startswith("text/html"):
        return int(reply.text.count('href="/result?test_id='))
    answer = reply.json()
    return len(answer.get("runs") or answer.get("results") or ())


@pytest.mark.parametrize(("start", "injection"), diagonals(FILTERS, INJECTIONS))
def test_an_injection_finds_nothing(
    client: TestClient, configured: Settings, start: str, injection: str
) -> None:
    save_with(configured, [new_result(test_id="test-1", model_id="m")])
    assert found_by(client.get(start + quote(injection, safe=""))) == 0


@pytest.mark.parametrize("start", FILTERS)
def test_an_injection_drops_nothing(
    client: TestClient, configured: Settings, engine: Engine, start: str
) -> None:
    save_with(configured, [new_result()])
    client.get(start + quote("x'; DELETE FROM outbox; --"))
    with reading(engine) as connection:
        assert connection.execute(select(func.count()).select_from(outbox_table)).scalar() == 2


@pytest.mark.parametrize("injection", INJECTIONS)
def test_an_injection_is_saved_and_found_as_what_it_is(client: TestClient, injection: str) -> None:
    client.post(f"{API}/log-test", json=body(test_id=injection))
    found = client.get(f"{API}/runs", params={"test_id": injection}).json()["runs"]
    assert [run["test_id"] for run in found] == [injection] * 2


@pytest.mark.parametrize("option", ["--test-id", "--model-id", "--user-id", "--error"])
def test_an_injection_on_the_command_line_finds_nothing(
    configured: Settings, database_url: str, option: str
) -> None:
    save_with(configured, [new_result()])
    env = {"FAIRMIND_SYNC_DATABASE_URL": database_url}
    assert json.loads(command("runs", "--json", option, INJECTIONS[0], env=env).stdout) == []


@pytest.mark.parametrize("option", ["--provider", "--status"])
def test_an_injection_is_none_of_the_choices(database_url: str, option: str) -> None:
    env = {"FAIRMIND_SYNC_DATABASE_URL": database_url}
    assert command("runs", option, INJECTIONS[0], env=env, check=False).returncode == 2


def files_below(place: Path) -> str:
    return "\n".join(str(path.relative_to(place)) for path in place.rglob("*"))


UPWARDS = ["../../evil", "/tmp/evil", "..\\evil", "a/../../evil", "evil.json"]  # noqa: S108 never made


@pytest.mark.parametrize("name", UPWARDS)
def test_an_id_in_a_request_names_no_file(client: TestClient, tmp_path: Path, name: str) -> None:
    client.post(f"{API}/log-test", json=body(test_id=name, user_id=name))
    client.get(f"{API}/results/{quote(name, safe='')}")
    assert "evil" not in files_below(tmp_path)


@pytest.mark.parametrize("name", UPWARDS)
def test_an_id_in_an_imported_file_names_no_file(
    tmp_path: Path, configured: Settings, name: str
) -> None:
    folder = tmp_path / "results" / "user"
    folder.mkdir(parents=True)
    record = body(id=name, user_id=name)
    (folder / "1.json").write_text(json.dumps(record))
    files = fairmind_files.result_files(tmp_path / "results")
    fairmind_files.import_all(store_of(configured), files, configured.owed, ())
    assert "evil" not in files_below(tmp_path)


def test_a_folder_that_contains_itself_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "1.json").write_text("{}")
    (tmp_path / "again").symlink_to(tmp_path)
    assert fairmind_files.result_files(tmp_path) == [tmp_path / "1.json"]
