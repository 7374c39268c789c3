"""The pictures of the status page: each page has one in the docs."""

from __future__ import annotations

import pytest

from tests.pictures.cockpit import NAMES, PLACE

GUIDE = PLACE.parents[1] / "guides" / "status-page.md"


@pytest.mark.parametrize("name", NAMES)
def test_each_page_has_its_picture_in_the_guide(name: str) -> None:
    assert (PLACE / name).is_file()
    assert f"(../pictures/cockpit/{name})" in GUIDE.read_text(encoding="utf-8")
