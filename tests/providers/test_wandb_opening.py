"""How W&B is opened: which variables the SDK gets, and which it never sees; nothing is sent."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fairmind_sync.errors import ProviderBlockedError, SettingsError
from fairmind_sync.providers import wandb
from fairmind_sync.providers.wandb import lean_import
from fairmind_sync.settings import Settings, load_settings
from tests.providers.test_wandb_way_out import PROXIES, certificate
from tests.providers.wandb_modules import of_ours

SHAPES = ("WANDB_SWEEP_ID", "WANDB_RUN_GROUP", "WANDB_CONFIG")
CONNECTION = (
    "WANDB_API_KEY",
    "WANDB_APP_URL",
    "WANDB_CREDENTIALS_FILE",
    "WANDB_HTTPS_PROXY",
    "WANDB_HTTP_PROXY",
    "WANDB_HTTP_TIMEOUT",
    "WANDB_IDENTITY_TOKEN_FILE",
    "WANDB_INSECURE_DISABLE_SSL",
    "WANDB_X_EXTRA_HTTP_HEADERS",
    "WANDB_X_PROXIES",
)
FILES = ("WANDB_CREDENTIALS_FILE", "WANDB_IDENTITY_TOKEN_FILE")


class OpenedSdk:
    """In the place of the product's own, which logs in."""

    def __init__(self, directory: Path, settings: Settings) -> None:
        self.given = (directory, settings)


@pytest.fixture
def opened_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The private directory of the SDK; all that an opening changes is put back."""
    variables, place, is_disabled = (
        dict(os.environ),
        Path.cwd(),
        logging.getLogger("wandb").disabled,
    )
    (directory := tmp_path / "private").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", "/remembered")
    monkeypatch.setattr(wandb, "private_directory", lambda: directory)
    monkeypatch.setattr(of_ours("sdk"), "Sdk", OpenedSdk)
    for name in (*PROXIES, *map(str.upper, PROXIES), "NETRC", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        os.environ.pop(name, None)
    os.environ.update(REQUESTS_CA_BUNDLE="", CURL_CA_BUNDLE="")
    yield directory
    logging.getLogger("wandb").disabled = is_disabled
    os.chdir(place)
    os.environ.clear()
    os.environ.update(variables)


def opened(**settings: Any) -> None:
    found = wandb.open_provider(Settings(**settings))
    assert isinstance(found, of_ours("provider").WandbProvider)


def test_the_provider_is_opened_in_the_private_directory(opened_in: Path) -> None:
    settings = Settings(wandb_project="p")
    found: Any = wandb.open_provider(settings)
    assert found._sdk.given == (opened_in, settings)
    assert (found._settings, Path.cwd()) == (settings, opened_in)


def test_the_sdk_sees_what_reaches_w_and_b_and_nothing_that_shapes_runs(
    opened_in: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in (*CONNECTION, *SHAPES):
        monkeypatch.setenv(name, "given")
    monkeypatch.setenv("WANDB_BASE_URL", " https://w \n")
    opened()
    of_wandb = {name: value for name, value in os.environ.items() if name.startswith("WANDB_")}
    assert of_wandb == {
        **dict.fromkeys(CONNECTION, "given"),
        **dict.fromkeys(FILES, str(tmp_path / "given")),
        "WANDB_BASE_URL": "https://w",
        "WANDB_ERROR_REPORTING": "false",
        "WANDB_SILENT": "true",
        "WANDB_DIR": str(opened_in),
        "WANDB_CACHE_DIR": str(opened_in),
        "WANDB_DATA_DIR": str(opened_in),
        "WANDB_CONFIG_DIR": str(opened_in / "config"),
    }


def test_temporary_files_are_made_in_the_private_directory(opened_in: Path) -> None:
    opened()
    assert (os.environ["TMPDIR"], tempfile.gettempdir()) == (str(opened_in),) * 2


def test_the_sdk_logs_nothing(opened_in: Path) -> None:
    opened()
    assert logging.getLogger("wandb").disabled is True


def test_a_netrc_file_is_named_from_the_root_on(
    opened_in: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NETRC", "keys")
    opened()
    assert os.environ["NETRC"] == str(tmp_path / "keys")


@pytest.mark.parametrize(
    ("of_the_variable", "of_the_setting", "key"),
    [(" one \n", None, "one"), ("one", " two ", "two"), (None, "two", "two")],
)
def test_the_key_of_the_setting_goes_before_that_of_the_variable(
    opened_in: Path,
    monkeypatch: pytest.MonkeyPatch,
    of_the_variable: str | None,
    of_the_setting: str | None,
    key: str,
) -> None:
    if of_the_variable:
        monkeypatch.setenv("WANDB_API_KEY", of_the_variable)
    opened(wandb_api_key=of_the_setting)
    assert os.environ["WANDB_API_KEY"] == key


def test_of_settings_files_only_the_connection_is_kept(opened_in: Path, tmp_path: Path) -> None:
    (theirs := tmp_path / "wandb").mkdir()
    (theirs / "settings").write_text("[default]\nentity = team\nrun_group = theirs\n")
    opened()
    kept = (opened_in / "config" / "settings").read_text()
    assert kept.split() == ["[default]", "entity", "=", "team"]


def test_certificates_and_proxies_are_shared(
    opened_in: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "a.pem").write_text(certificate("a"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "a.pem"))
    monkeypatch.setenv("ALL_PROXY", "http://p")
    opened()
    assert (os.environ["SSL_CERT_FILE"], os.environ["HTTPS_PROXY"]) == (
        str(opened_in / "certificates.pem"),
        "http://p",
    )


@pytest.mark.parametrize(
    ("variables", "settings", "words"),
    [
        ({"WANDB_MODE": "offline"}, {}, "W&B is switched off by WANDB_MODE=offline"),
        ({}, {"wandb_project": "a%b"}, "WANDB_PROJECT may have"),
        ({"WANDB_BASE_URL": "w"}, {}, "WANDB_BASE_URL is no address"),
    ],
)
def test_a_mistake_is_told_before_the_sdk_sees_anything(
    opened_in: Path,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    settings: dict[str, str],
    words: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ProviderBlockedError, match=words):
        opened(**settings)
    assert "WANDB_SILENT" not in os.environ


def test_an_opt_out_in_a_settings_file_is_obeyed(opened_in: Path, tmp_path: Path) -> None:
    (theirs := tmp_path / "wandb").mkdir()
    (theirs / "settings").write_text("[default]\nmode = offline\n")
    with pytest.raises(ProviderBlockedError, match="'mode = offline' in wandb/settings"):
        opened()


@pytest.mark.parametrize(
    "name", ["WANDB_RUNS_PER_SECOND", "NAMES", "EVIDENCE", "PUBLIC_URL", "FIND_LOST_RUNS"]
)
def test_a_setting_that_makes_no_sense_is_told(
    opened_in: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(f"FAIRMIND_SYNC_{name}", "%%%")
    with pytest.raises(SettingsError, match=f"^wrong setting: FAIRMIND_SYNC_{name}"):
        wandb.open_provider(load_settings())


def test_the_sdk_is_imported_lean(opened_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entered: list[bool] = []

    def noted() -> Any:
        entered.append("WANDB_SILENT" in os.environ)
        return lean_import.lean()

    monkeypatch.setattr(wandb, "lean", noted)
    opened()
    assert entered == [True]


def test_the_rate_is_the_settings() -> None:
    settings = Settings(wandb_runs_per_second=3)
    assert (wandb.runs_per_second(settings), wandb.remarks(settings)) == (3, ())
