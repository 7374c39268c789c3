"""The stand-in's wire behaviour, faults and controls, without the SDK."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.standins.wandb_faults import FaultRule
from tests.standins.wandb_server import StandInWandb, serve_wandb
from tests.standins.wandb_state import Json

ROOT = Path(__file__).parents[2]
UPSERT = "mutation UpsertBucket { upsertBucket { bucket { id name } inserted } }"


@pytest.fixture
def standin() -> Iterator[StandInWandb]:
    with serve_wandb() as served:
        yield served


@pytest.fixture
def http(standin: StandInWandb) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=standin.base_url, timeout=5) as client:
        yield client


def upsert(http: httpx.Client, run_id: str = "one") -> httpx.Response:
    given = {"name": run_id, "project": "bias", "displayName": run_id, "config": "{}"}
    return http.post("/graphql", json={"query": UPSERT, "variables": given})


def stream(http: httpx.Client, *lines: str, offset: int = 0) -> httpx.Response:
    files = {"wandb-history.jsonl": {"offset": offset, "content": list(lines)}}
    return http.post("/files/standin/bias/one/file_stream", json={"files": files})


@pytest.mark.parametrize("action", ["drop_before", "drop_after", "half"])
def test_a_broken_connection_is_an_error_to_the_client(
    action: str, standin: StandInWandb, http: httpx.Client
) -> None:
    standin.set_faults({"kind": "upsert", "action": action})
    with pytest.raises(httpx.TransportError):
        upsert(http)


@pytest.mark.parametrize(
    ("action", "done"),
    [
        ("status", False),
        ("drop_before", False),
        ("graphql_error", False),
        ("hang", False),
        ("drop_after", True),
        ("half", True),
        ("empty", True),
        ("html", True),
        ("delay", True),
    ],
)
def test_a_fault_says_whether_the_work_is_done(
    action: str, done: bool, standin: StandInWandb, http: httpx.Client
) -> None:
    standin.set_faults({"kind": "upsert", "action": action})
    http.timeout = httpx.Timeout(0.5 if action == "hang" else 5)
    try:
        upsert(http)
    except httpx.TransportError:
        assert action in {"drop_before", "drop_after", "half", "hang"}
    assert ("one" in standin.runs) is done


def test_a_status_fault_says_when_to_retry(standin: StandInWandb, http: httpx.Client) -> None:
    standin.set_faults({"kind": "any", "action": "status", "status": 429, "retry_after": 7})
    reply = upsert(http)
    assert (reply.status_code, reply.headers["retry-after"]) == (429, "7")


def test_an_html_fault_answers_with_a_page(standin: StandInWandb, http: httpx.Client) -> None:
    standin.set_faults({"kind": "upsert", "action": "html"})
    assert upsert(http).headers["content-type"] == "text/html"


def test_a_delay_holds_the_answer_back(standin: StandInWandb, http: httpx.Client) -> None:
    standin.set_faults({"kind": "upsert", "action": "delay", "seconds": 0.2})
    began = time.monotonic()
    upsert(http)
    assert time.monotonic() - began >= 0.2


def test_a_rule_for_another_kind_disturbs_nothing(
    standin: StandInWandb, http: httpx.Client
) -> None:
    standin.set_faults({"kind": "file_stream", "action": "status"})
    assert upsert(http).status_code == 200


def test_a_rule_skips_the_first_and_ends_after_its_times() -> None:
    rule = FaultRule("put", "status", after=1, times=2)
    assert [rule.fires("put") for _ in range(5)] == [False, True, True, False, False]


def test_the_same_seed_gives_the_same_chance() -> None:
    rules = [FaultRule("any", "status", probability=0.5, seed=4) for _ in range(2)]
    first, second = ([rule.fires("put") for _ in range(50)] for rule in rules)
    assert first == second
    assert 10 < sum(first) < 40


def test_a_misspelt_action_is_refused(http: httpx.Client) -> None:
    reply = http.post("/standin/faults", json=[{"kind": "any", "action": "explode"}])
    assert reply.status_code == 400


def test_a_line_sent_again_for_its_offset_replaces_the_first(
    standin: StandInWandb, http: httpx.Client
) -> None:
    upsert(http)
    stream(http, '{"a": 1}', '{"a": 2}')
    stream(http, '{"a": 3}', offset=1)
    assert standin.runs["one"].history == [{"a": 1}, {"a": 3}]


def test_a_file_stream_to_an_unknown_run_is_not_found(http: httpx.Client) -> None:
    assert stream(http, "{}").status_code == 404


def test_an_outage_refuses_connections_and_keeps_the_runs(
    standin: StandInWandb, http: httpx.Client
) -> None:
    upsert(http)
    port = standin.port
    standin.stop()
    with pytest.raises(httpx.ConnectError):
        upsert(http)
    standin.start()
    assert (standin.port, upsert(http).json()["data"]["upsertBucket"]["inserted"]) == (port, False)


def test_a_hanging_request_does_not_hold_up_the_end(
    standin: StandInWandb, http: httpx.Client
) -> None:
    standin.set_faults({"kind": "upsert", "action": "hang"})
    http.timeout = httpx.Timeout(0.2)
    with pytest.raises(httpx.ReadTimeout):
        upsert(http)
    began = time.monotonic()
    standin.stop()
    assert time.monotonic() - began < 5


def test_latency_is_added_to_every_request(http: httpx.Client) -> None:
    http.post("/standin/latency", json=0.2)
    began = time.monotonic()
    upsert(http)
    assert time.monotonic() - began >= 0.2


def test_control_shows_the_runs_with_nan_as_a_bare_token(http: httpx.Client) -> None:
    upsert(http)
    stream(http, '{"a": NaN}')
    shown = http.get("/standin/runs")
    assert shown.json()["one"]["created_count"] == 1
    assert '"history": [{"a": NaN}]' in shown.text


def test_control_counts_requests_by_kind(http: httpx.Client) -> None:
    upsert(http)
    upsert(http, "two")
    assert http.get("/standin/requests").json() == {"upsert": 2}


def test_control_deletes_a_run_for_ever(http: httpx.Client) -> None:
    upsert(http)
    http.delete("/standin/runs/one")
    assert upsert(http).status_code == 409


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Callable[[list[str]], "subprocess.Popen[bytes]"]]:
    started: list[subprocess.Popen[bytes]] = []

    def spawned(command: list[str]) -> "subprocess.Popen[bytes]":
        started.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE))
        return started[-1]

    yield spawned
    for process in started:
        process.kill()
        process.communicate()


def own_process(port_file: Path) -> list[str]:
    arguments = ["--port", "0", "--port-file", str(port_file)]
    return [sys.executable, "-m", "tests.standins.wandb_server", *arguments]


def awaited(look: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 30
    while not look():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def base_url(port_file: Path) -> str:
    awaited(port_file.exists)
    return f"http://127.0.0.1:{port_file.read_text()}"


def test_in_its_own_process_it_serves_the_port_that_it_wrote(
    spawn: Callable[[list[str]], "subprocess.Popen[bytes]"], tmp_path: Path
) -> None:
    spawn(own_process(tmp_path / "port"))
    runs: Json = httpx.get(f"{base_url(tmp_path / 'port')}/standin/runs").json()
    assert runs == {}


def test_in_its_own_process_it_ends_at_sigterm(
    spawn: Callable[[list[str]], "subprocess.Popen[bytes]"], tmp_path: Path
) -> None:
    process = spawn(own_process(tmp_path / "port"))
    base_url(tmp_path / "port")
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


def test_in_its_own_process_it_ends_when_its_parent_dies(
    spawn: Callable[[list[str]], "subprocess.Popen[bytes]"], tmp_path: Path
) -> None:
    starts = f"import subprocess, sys; subprocess.run({own_process(tmp_path / 'port')!r})"
    parent = spawn([sys.executable, "-c", starts])
    url = base_url(tmp_path / "port")
    parent.kill()
    assert awaited(lambda: _refuses(url))


def _refuses(url: str) -> bool:
    try:
        httpx.get(f"{url}/standin/runs")
    except httpx.TransportError:
        return True
    return False
