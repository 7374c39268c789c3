"""What W&B's SDK is given for a run, what W&B is asked about runs; nothing is sent."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from fairmind_sync.errors import ProviderBlockedError, ProviderBrokenError
from fairmind_sync.providers.wandb.content import PROOF, WandbContent
from fairmind_sync.providers.wandb.run_files import RunFiles
from fairmind_sync.providers.wandb.scratch import SETTINGS
from fairmind_sync.results.delivery import Run
from tests.providers.noted_requests import noted_requests
from tests.providers.wandb_modules import ADDRESS, Stage, of_ours, of_wandb, staged

FILES = RunFiles({"evidence/a.json": b"{}", "evidence/b.csv": b"b", "media/c.json": b"[]"}, {})
SAVED = [
    ("save", "evidence/a.json", b"{}", "now"),
    ("save", "evidence/b.csv", b"b", "now"),
    ("save", "media/c.json", b"[]", "now"),
]


def content(**changes: Any) -> WandbContent:
    whole: dict[str, Any] = {
        "name": "a name",
        "config": {"model_id": "m"},
        "row": {"accuracy": 0.5},
        "summary": {PROOF: {"digest": "d"}},
        "tags": ["ml_bias"],
        "group": "m",
        "job_type": "ml_bias",
        "description": "Bias test",
        "files": FILES,
        "digest": "d",
        "adjusted": (),
    }
    return WandbContent(**whole | changes)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stage:
    return staged(monkeypatch, tmp_path, wandb_entity="e")


def opened(stage: Stage) -> dict[str, Any]:
    """What the SDK was given for its one run, without the settings."""
    ((_, given),) = [told for told in stage.noted.told if told[0] == "init"]
    return {name: value for name, value in given.items() if name != "settings"}


OF_ANY_RUN = {"project": "p", "entity": "e", "id": "r", "mode": "online", "reinit": "create_new"}


def test_a_run_is_uploaded_whole(stage: Stage) -> None:
    stage.sdk.upload("r", content())
    assert opened(stage) == OF_ANY_RUN | {
        "name": "a name",
        "config": {"model_id": "m"},
        "tags": ["ml_bias"],
        "group": "m",
        "job_type": "ml_bias",
        "notes": "Bias test",
        "resume": "allow",
    }
    logged = [("log", {"accuracy": 0.5}, 0), ("summary", {PROOF: {"digest": "d"}}), "finish"]
    assert stage.noted.told[1:] == [*SAVED, *logged]


def test_a_run_without_a_row_or_words_or_files_has_none(stage: Stage) -> None:
    stage.sdk.upload("r", content(row={}, group="", job_type=""), with_files=False)
    given = opened(stage)
    assert (given["group"], given["job_type"]) == (None, None)
    assert [told[0] for told in stage.noted.told] == ["init", "summary", "f"]


def test_files_are_added_to_a_run_that_stays_as_it_is(stage: Stage) -> None:
    stage.sdk.add_files("r", FILES)
    assert opened(stage) == OF_ANY_RUN | {"resume": "must"}
    assert stage.noted.told[1:] == [*SAVED, "finish"]


def test_an_upload_is_one_request_of_a_trace(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    told = noted_requests(monkeypatch)
    stage.sdk.upload("r", content())
    assert told == [("", "wandb upload", ADDRESS)]


def test_the_sdk_is_set_up_quick_and_quiet(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    stage.sdk.upload("r", content())
    settings = stage.noted.told[0][1]["settings"]
    wanted = {
        "base_url": ADDRESS,
        "silent": True,
        "console": "off",
        "symlink": False,
        "disable_git": True,
        "disable_code": True,
        "save_code": False,
        "program": "fairmind-sync",
        "x_disable_meta": True,
        "x_disable_stats": True,
        "x_disable_machine_info": True,
        "x_save_requirements": False,
        "x_primary": False,
        "x_skip_transaction_log": True,
        "init_timeout": 10.0,
        "finish_timeout": 10.0,
        "finish_timeout_raises": True,
        "x_graphql_retry_wait_min_seconds": 0.25,
        "x_file_stream_timeout_seconds": 8.0,
        "x_file_transfer_retry_max": 1,
        "root_dir": str(tmp_path),
    }
    fields = of_wandb().Settings.model_fields
    known = {name: value for name, value in wanted.items() if name in fields}
    assert {name: getattr(settings, name) for name in known} == known
    assert getattr(settings, "stop_fn", lambda: None)() is None


def test_what_the_sdk_leaves_of_a_run_is_removed(stage: Stage, tmp_path: Path) -> None:
    places = [tmp_path / "wandb" / name for name in ("run-1-r", "run-1-s")]
    for place in places:
        place.mkdir(parents=True)
    stage.sdk.upload("r", content())
    assert [place.exists() for place in places] == [False, True]


def node(run: str, digest: str = "") -> dict[str, Any]:
    proof = f'{{"{PROOF}": {{"content": "{digest}"}}}}'
    return {"name": run, "state": "finished", "summaryMetrics": proof}


def test_runs_are_read_back_with_their_pages(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    told = noted_requests(monkeypatch)
    stage.service.nodes = [node("r"), node("s")]
    found = stage.sdk.read_back(one for one in ("r", "s", "t"))
    assert stage.service.told == [("runs", "e", "p", ["r", "s", "t"])]
    assert told == [("wandb read back", ["r", "s", "t"])]
    page = "https://pages/e/p/runs/"
    assert {run: (held.run, held.destination) for run, held in found.items()} == {
        "r": (Run("r", f"{page}r"), "e/p"),
        "s": (Run("s", f"{page}s"), "e/p"),
    }


def test_a_finished_run_is_found_by_the_digest_of_its_content(stage: Stage) -> None:
    stage.service.nodes = [node("r", "other"), node("s", "wanted")]
    found = stage.sdk.find_finished("t", "wanted")
    assert (found and found.run.id, stage.service.told) == ("s", [("finished", "e", "p", "t")])
    assert stage.sdk.find_finished("t", "another") is None


@pytest.mark.parametrize("has", [True, False])
def test_a_project_is_shown_or_not(stage: Stage, has: bool) -> None:
    stage.service.has = has
    assert stage.sdk.shows_the_project() is has
    assert stage.service.told == [("project", "e", "p")]


@pytest.mark.parametrize(
    ("destination", "is_elsewhere"),
    [("e/p", False), ("e/q", True), ("f/p", True), (None, False)],
)
def test_what_was_delivered_to_another_project_is_elsewhere(
    stage: Stage, destination: str | None, *, is_elsewhere: bool
) -> None:
    assert stage.sdk.leads_elsewhere(destination) is is_elsewhere


def test_the_probe_asks_for_the_keys_entity(stage: Stage) -> None:
    stage.sdk.probe()
    assert stage.service.told == [("viewer", "e", "p")]


def test_without_a_directory_nothing_is_asked(stage: Stage, tmp_path: Path) -> None:
    tmp_path.rmdir()
    with pytest.raises(ProviderBrokenError):
        stage.sdk.probe()
    assert stage.service.told == []


def test_the_entity_is_of_a_settings_file_where_no_setting_names_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stage = staged(monkeypatch, tmp_path, of_login="of a file")
    stage.sdk.upload("r", content())
    assert (opened(stage)["entity"], stage.logins) == ("of a file", [()])


class TestWhereNoEntityIsNamed:
    @pytest.fixture
    def stage(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stage:
        return staged(monkeypatch, tmp_path)

    def test_a_keys_own_is_asked_for_once(self, stage: Stage) -> None:
        stage.service.entity = "mine"
        assert [stage.sdk.read_back(["r"]), stage.sdk.read_back(["r"])] == [{}, {}]
        look = ("runs", "mine", "p", ["r"])
        assert stage.service.told == [("viewer", None, "p"), look, look]

    def test_a_key_without_one_holds_no_runs(self, stage: Stage) -> None:
        found = (stage.sdk.read_back(["r"]), stage.sdk.find_finished("t", ""))
        assert (found, stage.sdk.shows_the_project()) == (({}, None), False)
        assert not stage.sdk.leads_elsewhere("e/p")  # nobody knows
        assert stage.service.told == [("viewer", None, "p")] * 4

    def test_that_of_an_uploaded_run_is_where_runs_are(self, stage: Stage) -> None:
        stage.sdk.require_stream("r")
        stage.sdk.upload("r", content())
        stage.sdk.require_stream("r")
        stage.sdk.read_back(["r"])
        looked = [("stream", "of the run/p/r"), ("runs", "of the run", "p", ["r"])]
        assert stage.service.told == looked


@pytest.mark.parametrize(
    ("trouble", "is_clean"),
    [
        ({}, True),
        ({"refused": OSError("no answer")}, False),
        ({"unfinished": OSError("no answer")}, False),
        ({"made": "another"}, False),
    ],
)
def test_a_core_whose_upload_failed_is_unclean_until_a_restart(
    stage: Stage, trouble: dict[str, Any], is_clean: bool
) -> None:
    """It says that the id is in use."""
    for name, what in trouble.items():
        setattr(stage.noted, name, what)
    with suppress(of_ours("sdk").UploadError, ProviderBlockedError):
        stage.sdk.add_files("r", FILES)
    told = [stage.sdk.is_clean]
    stage.sdk.restart()
    assert [*told, stage.sdk.is_clean] == [is_clean, True]


@pytest.mark.parametrize("ending", [SystemExit(), OSError("broken pipe")])
def test_a_restart_ends_the_core_and_logs_in_to_the_same_address(
    stage: Stage, tmp_path: Path, ending: BaseException
) -> None:
    stage.noted.ending = ending
    for name in ("wandb", SETTINGS):
        (tmp_path / name).mkdir()
    stage.sdk.restart()
    assert (stage.noted.told, stage.logins) == (["teardown"], [(), (ADDRESS,)])
    assert [left.name for left in tmp_path.iterdir()] == [SETTINGS]
