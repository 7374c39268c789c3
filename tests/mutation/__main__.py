"""`python -m tests.mutation [PACKAGE]...`: changes each function a little, and lists what no test noticed.

A run goes on where the one before it ended. Exit code 1 if a package is not done, or too much survived.
"""

from __future__ import annotations

import argparse
import sys

from tests.mutation.packages import PACKAGES
from tests.mutation.verdicts import Verdicts, forget_survivors
from tests.mutation.workspace import Workspace

LEAST_KILLED = 0.9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "package", nargs="*", help=f"of {', '.join(PACKAGES)}; all of them by default"
    )
    parser.add_argument("--minutes", type=float, default=55, help="the longest, for each package")
    parser.add_argument("--again", action="store_true", help="the survivors too, after new tests")
    parser.add_argument("--report", action="store_true", help="only tells what is known already")
    chosen = parser.parse_args()
    good = [_run(name, chosen) for name in chosen.package or PACKAGES]
    sys.exit(0 if all(good) else 1)


def _run(name: str, chosen: argparse.Namespace) -> bool:
    workspace = Workspace(PACKAGES[name])
    if not chosen.report:
        workspace.prepare()
        if chosen.again:
            forget_survivors(workspace.place)
        workspace.run(chosen.minutes * 60)
    verdicts = Verdicts.of(workspace.place)
    shown = workspace.show(verdicts.survivors())
    print(f"## {name}\n", verdicts.table(), "", shown, sep="\n")  # noqa: T201 that is what it is for
    return verdicts.share_killed() >= LEAST_KILLED and verdicts.are_complete()


if __name__ == "__main__":
    main()
