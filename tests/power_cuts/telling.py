"""`python -m tests.power_cuts.telling PLACE MODE STORIES` is what runs under strace.

Each story has a directory of its own below the place, with a database that was there before, except for the
stories of first saves.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tests.power_cuts.crowds import CROWDS, FEW, gather
from tests.power_cuts.facts import SAVED
from tests.power_cuts.stories import MARKS, STORIES, Story, Teller, mode_of

ALL = (*STORIES, *CROWDS)
WITHOUT_DATABASE = ("create", "first-saves")
"""Stories that find neither a directory nor a database."""


def home_of(place: Path, name: str) -> Path:
    return place / name / "home" if name in WITHOUT_DATABASE else place / name


def tell_all(place: Path, mode: str, names: Sequence[str]) -> None:
    tell = Teller(place.with_name(MARKS))
    with mode_of(mode):
        for name in names:
            story = Story(home_of(place, name), tell)
            if name in CROWDS:
                _tell_crowd(name, story, place)
            else:
                _tell(name, story)


def _tell(name: str, story: Story) -> None:
    story.tell.story(name, None if name in WITHOUT_DATABASE else story.engine)
    STORIES[name](story)
    story.engine.dispose()


def _tell_crowd(name: str, story: Story, place: Path) -> None:
    """This process opens nothing there: what it had opened would be shared with those that it forks."""
    story.tell.tell(story=name)
    found = 0 if name in WITHOUT_DATABASE else FEW
    story.tell.tell(acknowledged=[(SAVED, number) for number in range(found)])
    gather(name, story.url, place)


if __name__ == "__main__":
    tell_all(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
