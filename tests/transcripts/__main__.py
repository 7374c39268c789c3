"""`python -m tests.transcripts [FILE]`: writes what each verb prints as a page of the docs.

Without a file it writes the page itself, with a new transcript of the demo; else everything but the demo.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch
from uuid import UUID

from fairmind_sync import cli
from fairmind_sync.errors import FairmindSyncError
from fairmind_sync.storage.schema import ready_engine
from tests.support.partner import LINE
from tests.support.processes import COMMAND
from tests.transcripts import DEMO, PAGE
from tests.transcripts.world import NOW, fill, write_files

_WIDE = "100"
_RUN_ID = "0123456789abcdef" * 2
_OURS = ("MLOPS_", "WANDB_", "MLFLOW_", "FAIRMIND_SYNC_")
_CONTROLS = re.compile(r"\x1b]8;[^\x1b]*\x1b\\|\x1b\[[0-9;?]*[A-Za-z]")
_INTRODUCTION = """# What each verb prints

Transcripts of every verb, on a terminal of 100 columns. `python -m tests.transcripts` writes this page; a
test compares it with what the verbs print now. What each verb is for: [command line](cli.md)."""
_LOOK = (
    "status",
    "runs",
    "runs --status dead --risk low",
    "runs --status deliverd",
    "url --test-id credit-2026-q1",
    "explain hiring-2026-q1",
    "evidence",
    "results list",
    "results show credit-2026-q1",
    "results models",
    "results stats",
    "results export --risk high",
    "report credit-2026-q1 -o report.html",
)
_CHANGE = (
    "retry --error 'exceeds 6000' --dry-run",
    "retry --error 'exceeds 6000'",
    "discard 3 --reason 'not needed at W&B'",
    "pause mlflow",
    "resume mlflow",
    "results delete credit-2026-q2",
    "results delete credit-2026-q2 --yes",
)
_SAVE = (
    "save results.jsonl",
    "import test_results --no-deliver",
    "backfill --provider wandb --since 1h",
)
_HAND_OVER = (
    "bundle identity --name lab-2",
    f"bundle trust '{LINE}'",
    "bundle trusted",
    "bundle export out.bundle --test-id loans-2026 --encrypt",
    "bundle list",
    "explain loans-2026",
    "bundle import out.bundle",
    "bundle receipts back.bundle",
    f"bundle take-back {_RUN_ID[:8]}",
    f"bundle take-back {_RUN_ID[:8]} --yes",
    "bundle distrust partner",
)
_CARE = (
    "help-for 'the MLflow server answers 503: Service Unavailable'",
    "webhook test",
    "db upgrade",
    "db check",
    "db backup copy.db",
    "db compact",
    "db copy sqlite:///fairmind-sync.db sqlite:///second.db",
)
_DIFFERS = (
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", "2026-03-04T12:00:00Z"),
    (r"(clock: ).*", r"\g<1>2026-03-04 12:00:00 UTC"),
    (r"http://127\.0\.0\.1:(?!1\b)\d+", "http://127.0.0.1:8000"),
    (r"(server can't be reached: ).*", r"\1Connection refused"),
    (r"(sqlite: ).*", r"\g<1>3.51.3, write-ahead log"),
    (r"(free in ).*", r"\1/tmp"),
    (r"(fairmind-sync-demo)-\w+", r"\1"),
    (r"(8000/#/experiments/1/runs/)\w+", rf"\g<1>{_RUN_ID}"),
    (r"[\d.]+ ([GM]B)\b", r"… \1"),
    (r"(schema )\d+", r"\1…"),
)
"""What differs from run to run, or from machine to machine, and what stands for it."""


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class _Beside(io.StringIO):
    """Standard error: shows on the same terminal, and draws no bars."""

    def __init__(self, screen: _Terminal) -> None:
        super().__init__()
        self._screen = screen

    def write(self, text: str) -> int:
        return self._screen.write(text)


def main(file: Path | None) -> None:
    """Writes the page, or to the file what a test compares with the page."""
    with tempfile.TemporaryDirectory() as name, _world(Path(name).resolve()) as env:
        parts = [_INTRODUCTION]
        for title, verbs in (
            ("Look", _LOOK),
            ("Change", _CHANGE),
            ("Save", _SAVE),
            ("Hand over", _HAND_OVER),
            ("Care", _CARE),
        ):
            parts += [f"## {title}", *_sections(verbs)]
        parts += ["## Deliver", *_of_processes(env)]
        if file is None:
            without_wandb = {k: value for k, value in env.items() if not k.startswith("WANDB")}
            parts += [DEMO, _transcript("demo", _of_a_process("demo", without_wandb))]
    (file or PAGE).write_text("\n\n".join(parts) + "\n", encoding="utf-8")


@contextmanager
def _world(place: Path) -> Iterator[dict[str, str]]:
    """The variables of a process in the place, where time stands still for this one."""
    variables = {
        "MLOPS_PROVIDER": "both",
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:1",
        "WANDB_MODE": "offline",
        "FAIRMIND_SYNC_DATABASE_URL": f"sqlite:///{place / 'fairmind-sync.db'}",
        "COLUMNS": _WIDE,
        "TERM": "xterm",
        "TERM_PROGRAM": "",
        "NO_COLOR": "1",
        "HOME": str(place),
    }
    with (
        patch.dict(os.environ, variables),
        patch("fairmind_sync.storage.engine.utc_now", return_value=NOW),
        patch("fairmind_sync.cli.when.utc_now", return_value=NOW),
        patch("fairmind_sync.handover.writing_bundles.uuid4", return_value=UUID(_RUN_ID)),
    ):
        for name in [one for one in os.environ if one.startswith(_OURS) and one not in variables]:
            del os.environ[name]
        os.chdir(place)
        fill(ready_engine(variables["FAIRMIND_SYNC_DATABASE_URL"]))
        write_files(place)
        yield {**os.environ}


def _printed(verb: str) -> str:
    """What the verb prints on a terminal, in this process; and its exit code, unless that is 0."""
    screen, code = _Terminal(), 0
    with redirect_stdout(screen), redirect_stderr(_Beside(screen)):
        try:
            cli.app(_words(verb), prog_name="fairmind-sync")
        except FairmindSyncError as error:
            screen.write(f"fairmind-sync: {error}\n")
            code = 1
        except SystemExit as ended:
            code = int(ended.code or 0)
    return _plain(screen.getvalue()) + (f"(exit code {code})\n" if code else "")


def _of_processes(env: Mapping[str, str]) -> Iterator[str]:
    """Yields those of verbs that start processes, or run until somebody ends them."""
    yield from ("### drain", _transcript("drain", _of_a_process("drain", env)))
    yield from ("### run", _transcript("run", _of_a_daemon(env)))
    yield from ("### doctor", _transcript("doctor", _of_a_process("doctor", env)))


def _of_a_process(verb: str, env: Mapping[str, str]) -> str:
    """What it prints in a pipe; of what it says beside, neither its log nor what Python says at its end."""
    ended = subprocess.run([*COMMAND, verb], env=env, capture_output=True, text=True, check=False)
    said = re.findall(r"^(?:wandb|mlflow): .*\n", ended.stderr, re.MULTILINE)
    code = f"(exit code {ended.returncode})\n" if ended.returncode else ""
    return _plain(ended.stdout + "".join(said)) + code


def _of_a_daemon(env: Mapping[str, str]) -> str:
    """What it logs from its start to its end, without a provider."""
    alone = {"MLOPS_PROVIDER": "none", "FAIRMIND_SYNC_LOG_FORMAT": "console"}
    daemon = subprocess.Popen(
        [*COMMAND, "run", "--port", "0"], env={**env, **alone}, stderr=subprocess.PIPE, text=True
    )
    assert daemon.stderr is not None
    lines = []
    for line in daemon.stderr:
        lines.append(line)
        if "daemon.ready" in line:
            daemon.terminate()
    daemon.wait()
    return _plain("".join(lines))


def _words(verb: str) -> list[str]:
    return [one.strip("'") for one in re.findall(r"'[^']*'|\S+", verb)]


def _plain(text: str) -> str:
    """The text as it is seen, with what differs from run to run made the same."""
    seen = _CONTROLS.sub("", text).replace(str(Path.cwd()), "/data")
    for pattern, stand_in in _DIFFERS:
        seen = re.sub(pattern, stand_in, seen)
    return "".join(f"{line.rstrip()}\n" for line in seen.splitlines())


def _transcript(verb: str, printed: str) -> str:
    return f"```text\n$ fairmind-sync {verb}\n{printed}```"


def _sections(verbs: Sequence[str]) -> Iterator[str]:
    """Yields the transcripts of these, with a heading where another verb begins."""
    before = ""
    for verb in verbs:
        words = _words(verb)
        name = " ".join(words[: 2 if words[0] in ("db", "results", "bundle", "webhook") else 1])
        if name != before:
            yield f"### {name}"
        yield _transcript(verb, _printed(verb))
        before = name


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None)
