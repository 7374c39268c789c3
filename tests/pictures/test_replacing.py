"""Pictures that were taken anew come into the place of those of before, and nothing else goes."""

from __future__ import annotations

from pathlib import Path

from tests.pictures.__main__ import replace


def test_another_tools_pictures_stay(tmp_path: Path) -> None:
    place, taken = tmp_path / "place", tmp_path / "taken"
    for name in (
        "place/former.jpg",
        "place/cockpit/overview.jpg",
        "place/README.md",
        "taken/new.jpg",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    replace(place, taken)
    assert {str(one.relative_to(place)) for one in place.rglob("*.*")} == {
        *("new.jpg", "cockpit/overview.jpg", "README.md"),
    }
