"""Where results go, as the configuration tells it without secrets, and whose words and secrets those are."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairmind_sync import providers
from fairmind_sync.providers import wandb
from fairmind_sync.providers.destinations import integration_status
from fairmind_sync.settings import Settings

SETTINGS = {
    "wandb_project": "p",
    "wandb_entity": "team",
    "mlflow_tracking_uri": "http://ann:pw@h",
    "mlflow_experiment_name": "e",
}
MLFLOW = {"enabled": True, "tracking_uri": "http://h", "experiment_name": "e"}


@pytest.mark.parametrize(
    ("provider", "told"),
    [
        ("both", {"wandb": {"enabled": True, "project": "p", "entity": "team"}, "mlflow": MLFLOW}),
        (
            "mlflow",
            {"wandb": {"enabled": False, "project": None, "entity": None}, "mlflow": MLFLOW},
        ),
    ],
)
def test_enabled_destinations_are_told_without_secrets(
    provider: str, told: dict[str, object]
) -> None:
    settings = Settings.model_validate(SETTINGS | {"provider": provider})
    assert integration_status(settings) == {"provider": provider, **told}


def test_a_providers_words_for_its_errors_are_its_title() -> None:
    words = [providers.logging_error(name) for name in ("wandb", "mlflow")]
    assert words == ["W&B logging error", "MLflow logging error"]


def keys_of_wandb() -> list[str]:
    return wandb.secrets(Settings())


def test_w_and_bs_key_is_that_of_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    assert keys_of_wandb() == [""]
    monkeypatch.setenv("WANDB_API_KEY", "of the variable")
    assert keys_of_wandb() == ["of the variable"]


@pytest.mark.parametrize("name", [".netrc", "_netrc"])
def test_w_and_bs_login_is_known_by_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    file = tmp_path / "home" / name
    file.parent.mkdir()
    file.write_text(
        "machine api.wandb.ai login user password one\nmachine b login me password two\n"
    )
    file.chmod(0o600)
    assert keys_of_wandb() == ["", "one", "two"]
    monkeypatch.setenv("NETRC", str(tmp_path / "other"))
    assert keys_of_wandb() == [""]
    (tmp_path / "other").write_text("machine c login me password three\n")
    assert keys_of_wandb() == ["", "three"]


@pytest.mark.parametrize("content", [b"\xff", b"machine\n", b"nonsense here\n"])
def test_a_login_file_that_makes_no_sense_holds_no_key(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "home" / ".netrc"
    file.parent.mkdir()
    file.write_bytes(content)
    assert keys_of_wandb() == [""]


def test_without_a_home_no_login_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def expanduser(_path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", expanduser)
    assert keys_of_wandb() == [""]
