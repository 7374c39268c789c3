"""`python -m tests.power_cuts`: images of power cuts, opened with our code; exit code 1 if one is wrong."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.power_cuts.images import (
    Failure,
    all_of,
    case_of,
    chosen_of_all,
    cuts_of_all,
    failures,
    kept,
)
from tests.power_cuts.recording import Recording, record
from tests.power_cuts.stories import MODES
from tests.power_cuts.telling import ALL
from tests.support.broom import place_in_memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=3_000, help="how many; 0: every extreme")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stories", nargs="+", choices=ALL, default=[*ALL])
    parser.add_argument("--recording", type=Path, help="a recording that was kept, with --image")
    parser.add_argument("--image", help="the name of one image, as a failure tells it")
    asked = parser.parse_args()
    place = place_in_memory("power-cuts")
    try:
        if asked.image:
            found = _look_once_more(asked.recording, asked.image)
        else:
            found = _look(place, asked.stories, asked.images, asked.seed)
    finally:
        shutil.rmtree(place)
    sys.exit(1 if found else 0)


def _look(place: Path, stories: Sequence[str], count: int, seed: int) -> list[Failure]:
    recordings = [record(place / mode, mode, stories) for mode in MODES]
    cuts = cuts_of_all(recordings)
    cases = chosen_of_all(cuts, count, seed) if count else all_of(cuts)
    found = [kept(one) for one in failures(cases, place / "images")]
    operations = sum(len(one.operations()) for one in recordings)
    for failure in found:
        _say(str(failure))
    _say(
        f"{len(cases)} images of {operations} recorded operations: {len(found)} failures; "
        f"{sum(os.times()[:4]):.0f} s of processor time"
    )
    return found


def _look_once_more(home: Path, name: str) -> list[Failure]:
    """The image stays where it was made, for whoever wants to open it."""
    recording = Recording(home, name.partition("/")[0])
    case = case_of(cuts_of_all([recording]), name)
    place = Path(tempfile.mkdtemp(prefix="power-cut-"))
    case.write_to(place / "as it was left")
    found = [*failures([case], place / "opened")]
    _say(f"{found[0] if found else 'nothing is wrong'}\n  the image: {place / 'as it was left'}")
    return found


def _say(text: str) -> None:
    print(text)  # noqa: T201 that is what it is for


if __name__ == "__main__":
    main()
