"""What became of the mutants, as mutmut notes it beside each file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_BY_CODE = {0: "survived", 1: "killed", 3: "killed", 5: "no tests", 33: "no tests"}
_TIMEOUTS = (24, -24, 36, 152)
"""pytest's and mutmut's exit codes; what ends in another way says nothing of the tests."""
_NOTICED = ("killed", "timeout")
"""A mutant that makes a test hang is noticed too."""
_SURVIVED = ("survived", "no tests")


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Each mutated file's mutants, by name, with what became of them."""

    by_file: Mapping[str, Mapping[str, str]]

    @classmethod
    def of(cls, place: Path) -> Verdicts:
        sources = place / "mutants" / "src" / "fairmind_sync"
        found = {str(path.relative_to(sources)): _read(path) for path in sources.rglob("*.meta")}
        return cls(
            {name.removesuffix(".meta"): found[name] for name in sorted(found) if found[name]}
        )

    def table(self) -> str:
        """In Markdown: mutants and how many were noticed, by file and in all."""
        rows = [(name, Counter(mutants.values())) for name, mutants in self.by_file.items()]
        rows.append(("all", sum((counts for _, counts in rows), Counter())))
        lines = (
            "| file | mutants | noticed | survived | no test | in doubt | not run |",
            "| --- | --: | --: | --: | --: | --: | --: |",
        )
        return "\n".join([*lines, *(_row(name, counts) for name, counts in rows)])

    def survivors(self) -> list[str]:
        return [
            name
            for mutants in self.by_file.values()
            for name, verdict in mutants.items()
            if verdict in _SURVIVED
        ]

    def share_killed(self) -> float:
        every = [verdict for mutants in self.by_file.values() for verdict in mutants.values()]
        return sum(verdict in _NOTICED for verdict in every) / max(1, len(every))

    def are_complete(self) -> bool:
        left = {"in doubt", "not run"}
        return all(left.isdisjoint(mutants.values()) for mutants in self.by_file.values())


def forget_survivors(place: Path) -> None:
    """Has them tested again by the next run, which keeps every other verdict."""
    for path in (place / "mutants").rglob("*.meta"):
        noted = json.loads(path.read_text())
        codes: dict[str, int | None] = noted["exit_code_by_key"]
        noted["exit_code_by_key"] = {
            name: None if _verdict(code) in (*_SURVIVED, "in doubt") else code
            for name, code in codes.items()
        }
        path.write_text(json.dumps(noted))


def _read(path: Path) -> dict[str, str]:
    codes: dict[str, int | None] = json.loads(path.read_text())["exit_code_by_key"]
    return {name: _verdict(code) for name, code in codes.items()}


def _verdict(code: int | None) -> str:
    if code is None:
        return "not run"
    return "timeout" if code in _TIMEOUTS else _BY_CODE.get(code, "in doubt")


def _row(name: str, counts: Counter[str]) -> str:
    noticed = sum(counts[verdict] for verdict in _NOTICED)
    left = (counts[verdict] for verdict in (*_SURVIVED, "in doubt", "not run"))
    return f"| {name} | {counts.total()} | {noticed} | {' | '.join(map(str, left))} |"
