"""`python -m tests.system.soak`: the long soak; exit code 1 if anything is lost, doubled, false or stuck."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.system.soak.soak import Plan, run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deliveries", type=int, default=10_000, help="to each provider")
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--disturbed", type=float, default=1 / 3, help="share of the requests")
    parser.add_argument("--daemons", type=int, default=2)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--seconds", type=float, default=5400, help="the longest it may take")
    parser.add_argument("--seed", type=int, default=1)
    plan = Plan(**vars(parser.parse_args()))
    with tempfile.TemporaryDirectory() as place:
        report = run(plan, Path(place), tell=True)
    print(json.dumps(asdict(report), indent=2))  # noqa: T201 that is what it is for
    sys.exit(0 if report.is_clean else 1)


if __name__ == "__main__":
    main()
