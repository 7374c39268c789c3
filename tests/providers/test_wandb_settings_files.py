"""Which of W&B's settings files are read, and what is written for the SDK."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairmind_sync.providers.wandb.settings_files import entries, keep_the_connection


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def test_the_users_file_and_the_working_directorys_are_read(tmp_path: Path) -> None:
    users = tmp_path / "home" / ".config" / "wandb" / "settings"
    write(users, "[default]\nentity = größe\nmode = online\n")
    write(tmp_path / "wandb" / "settings", "[default]\nmode = offline\n")
    assert entries({}) == {"entity": ("größe", users), "mode": ("offline", Path("wandb/settings"))}


def test_a_hidden_folder_goes_before_the_other(tmp_path: Path) -> None:
    for name in ("wandb", ".wandb"):
        write(tmp_path / name / "settings", f"[default]\nentity = of {name}\n")
    assert entries({}) == {"entity": ("of .wandb", Path(".wandb/settings"))}
    elsewhere = tmp_path / "elsewhere"
    write(elsewhere / "wandb" / "settings", "[default]\nentity = there\n")
    found = entries({"WANDB_DIR": str(elsewhere)})
    assert found == {"entity": ("there", elsewhere / "wandb" / "settings")}


@pytest.mark.parametrize("text", ["mode = offline", "[a\n"])
def test_a_users_file_that_is_none_hides_no_other(tmp_path: Path, text: str) -> None:
    write(tmp_path / "of-the-user" / "settings", text)
    write(tmp_path / "wandb" / "settings", "[default]\nmode = offline\n")
    found = entries({"WANDB_CONFIG_DIR": str(tmp_path / "of-the-user")})
    assert found == {"mode": ("offline", Path("wandb/settings"))}


def test_only_the_owner_may_read_what_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    for entity in ("a long one", "b"):
        keep_the_connection({"entity": (entity, tmp_path)}, folder)
    file = folder / "settings"
    assert [one.stat().st_mode & 0o777 for one in (folder, file)] == [0o700, 0o600]
    assert file.read_text().split() == ["[default]", "entity", "=", "b"]
