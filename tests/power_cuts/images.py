"""Chooses images of recordings, and has each of them looked at."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import TypeAlias

from tests.power_cuts.choices import extremes, image_of
from tests.power_cuts.cuts import Cut, cuts_of, told_by
from tests.power_cuts.laboratory import Laboratory
from tests.power_cuts.recording import Recording, put
from tests.power_cuts.stories import mode_of

_ENDS = ("none", "all")


@dataclass(frozen=True, slots=True)
class Case:
    """One image: a moment of a recording, and the choice of what the power cut leaves."""

    recording: Recording
    cut: Cut
    choice: str

    @property
    def name(self) -> str:
        return f"{self.recording.mode}/{self.cut.name}/{self.choice}"

    def write_to(self, place: Path) -> None:
        put(image_of(self.cut.disk, self.choice), place)


@dataclass(frozen=True, slots=True)
class Failure:
    """What is wrong with an image, and the command that makes exactly this image once more."""

    case: Case
    wrong: Sequence[str]

    def __str__(self) -> str:
        home, name = self.case.recording.home, self.case.name
        again = f"python -m tests.power_cuts --recording {home} --image {name}"
        return f"{name}: {'; '.join(self.wrong)}\n  {again}"


Cuts: TypeAlias = Mapping[tuple[Recording, str], Sequence[Cut]]
"""The moments of each recorded story."""


def cuts_of_all(recordings: Iterable[Recording]) -> Cuts:
    return {
        (recording, told.name): [*cuts_of(recording.started(), told)]
        for recording in recordings
        for told in told_by(recording.operations())
    }


def all_of(cuts: Cuts) -> list[Case]:
    """Every extreme of every moment."""
    return [
        Case(recording, cut, choice)
        for (recording, _), its in cuts.items()
        for cut in its
        for choice in extremes(len(cut.disk.pending))
    ]


def chosen_of_all(cuts: Cuts, count: int, seed: int) -> list[Case]:
    """About so many images, equally many of each story."""
    return [
        case for one, its in cuts.items() for case in chosen(one[0], its, count // len(cuts), seed)
    ]


def chosen(recording: Recording, cuts: Sequence[Cut], count: int, seed: int) -> list[Case]:
    """Everything lost and everything there at each moment; of the rest half one by one, half at random."""
    chance = Random(seed)
    every = all_of({(recording, ""): cuts})
    ends = [case for case in every if case.choice in _ENDS]
    others = [case for case in every if case.choice not in _ENDS]
    some = chance.sample(others, max(0, count - len(ends)) // 2)
    at_random = [
        Case(recording, chance.choice(cuts), f"random:{chance.randrange(10**9)}")
        for _ in range(count - len(ends) - len(some))
    ]
    return [*ends, *some, *at_random]


def sampled(recording: Recording, cuts: Sequence[Cut], count: int, seed: int) -> list[Case]:
    """So many of the images that `chosen` gives where it gives many."""
    every = chosen(recording, cuts, max(6 * len(cuts), count), seed)
    return Random(seed).sample(every, count)


def case_of(cuts: Cuts, name: str) -> Case:
    """The image of this name."""
    mode, story, number, choice = name.split("/")
    recording, its = of_story(cuts, mode, story)
    return Case(recording, its[int(number)], choice)


def of_story(cuts: Cuts, mode: str, story: str) -> tuple[Recording, Sequence[Cut]]:
    (found,) = [
        (one[0], its) for one, its in cuts.items() if (one[0].mode, one[1]) == (mode, story)
    ]
    return found


def failures(cases: Iterable[Case], place: Path) -> Iterator[Failure]:
    """Looks at each image; yields those with which something is wrong."""
    laboratories: dict[tuple[str, str], Laboratory] = {}
    for case in cases:
        key = case.recording.mode, case.cut.story
        if key not in laboratories:
            laboratories[key] = Laboratory(place.joinpath(*key), case.cut.story)
        with mode_of(case.recording.mode):
            image = image_of(case.cut.disk, case.choice)
            if wrong := laboratories[key].wrong(image, case.cut.expected, case.name):
                yield Failure(case, wrong)


def kept(failure: Failure) -> Failure:
    """The failure with a recording that stays: rows have other ids and times in the next recording."""
    case = failure.case
    home = (
        Path(tempfile.gettempdir())
        / f"power-cuts-{case.recording.home.parent.name}-{case.recording.mode}"
    )
    if not home.exists():
        shutil.copytree(case.recording.home, home)
    return replace(failure, case=replace(case, recording=replace(case.recording, home=home)))
