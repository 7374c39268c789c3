"""The directory in which W&B's SDK leaves its files."""

from __future__ import annotations

from pathlib import Path

from fairmind_sync.providers.wandb.scratch import SETTINGS, clear


def test_what_a_core_left_is_removed_and_what_the_process_keeps_stays(tmp_path: Path) -> None:
    for name in ("wandb/logs", "team/project/run-1", "tmp1-wandb-media"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "wandb" / "logs" / "core-debug.log").write_text("words")
    clear(tmp_path)
    assert [left.name for left in tmp_path.iterdir()] == ["tmp1-wandb-media"]


def test_the_settings_stay_for_the_next_wandb_core(tmp_path: Path) -> None:
    kept, left = tmp_path / SETTINGS / "settings", tmp_path / "wandb" / "run"
    for file in (kept, left):
        file.parent.mkdir()
        file.write_text("")
    clear(tmp_path)
    assert (kept.exists(), left.exists()) == (True, False)
