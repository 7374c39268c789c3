"""What the stand-in holds: runs by id, with their lines addressed by offset."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


@dataclass
class StandInRun:
    """One run as the service would show it."""

    id: str
    entity: str
    project: str
    display_name: str
    config_json: str = "{}"
    tags: list[str] = field(default_factory=list)
    state: str = "running"
    exitcode: int | None = None
    history_lines: dict[int, str] = field(default_factory=dict)
    summary_json: str = "{}"
    files: dict[str, bytes] = field(default_factory=dict)
    inserts: int = 0
    upserts: int = 0
    group: str | None = None
    job_type: str | None = None
    notes: str | None = None
    sweep: str | None = None
    created_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat())

    @property
    def config(self) -> dict[str, Any]:
        """As users see it: values unwrapped, without the SDK's own entry."""
        wrapped = json.loads(self.config_json)
        return {key: item["value"] for key, item in wrapped.items() if key != "_wandb"}

    @property
    def telemetry(self) -> Any:
        """The SDK takes a run without it for one that never started, and doesn't resume it."""
        return json.loads(self.config_json)["_wandb"]["value"]["t"]

    @property
    def history(self) -> list[dict[str, Any]]:
        return [json.loads(line) for _, line in sorted(self.history_lines.items())]

    @property
    def summary(self) -> dict[str, Any]:
        return dict(json.loads(self.summary_json))


class Store:
    """All runs; each method is one step that other threads see whole or not at all."""

    def __init__(self, default_entity: str = "standin") -> None:
        self.runs: dict[str, StandInRun] = {}
        self.deleted: set[str] = set()
        self.projects: set[tuple[str, str]] = set()
        self.requests: Counter[str] = Counter()
        self.default_entity = default_entity
        self.viewer_entity: str | None = default_entity
        self.refusal: tuple[int, str] | None = None
        """What the upsert of another run is answered: a status, and the service's words."""
        self.runs_before_refusal = 0
        self.refused_ids: set[str] | None = None
        """Which runs are refused; none: every new one."""
        self.is_read_only = False
        self.shapes: dict[str, Any] = {}
        """What every run gets, by the run's attributes, whatever a client sends."""
        self.hides_runs = False
        self._lock = threading.RLock()

    def refuses(self, run_id: str) -> bool:
        with self._lock:
            if self.refusal is None:
                return False
            if self.refused_ids is not None:
                return run_id in self.refused_ids
            return run_id not in self.runs and len(self.runs) >= self.runs_before_refusal

    def upsert(self, values: dict[str, Any]) -> tuple[StandInRun, bool]:
        """The run, and whether it is new."""
        with self._lock:
            entity = values.get("entity") or self.default_entity
            project = values.get("project") or "uncategorized"
            self.projects.add((entity, project))
            name = values["name"]
            is_new = name not in self.runs
            run = self.runs.setdefault(
                name, StandInRun(name, entity, project, values.get("displayName") or name)
            )
            run.upserts += 1
            run.group = values.get("groupName") or run.group
            run.job_type = values.get("jobType") or run.job_type
            run.notes = values.get("notes") or run.notes
            run.sweep = values.get("sweep") or run.sweep
            run.inserts += is_new
            run.display_name = values.get("displayName") or run.display_name
            run.config_json = values.get("config") or run.config_json
            run.tags = run.tags if values.get("tags") is None else list(values["tags"])
            self._shape(run)
            if run.exitcode is None or values.get("displayName"):
                run.state = "running"
            return run, is_new

    def _shape(self, run: StandInRun) -> None:
        for name, value in self.shapes.items():
            if name == "config":
                theirs = {key: {"value": held} for key, held in value.items()}
                run.config_json = json.dumps(json.loads(run.config_json) | theirs)
            else:
                setattr(run, name, value)

    def stream(self, run_id: str, body: dict[str, Any]) -> None:
        """Lines at their offsets: a repeated request writes the same lines again."""
        with self._lock:
            run = self.runs[run_id]
            files = body.get("files") or {}
            if history := files.get("wandb-history.jsonl"):
                for place, line in enumerate(history["content"], start=history["offset"]):
                    run.history_lines[place] = line
            if summary := files.get("wandb-summary.json"):
                run.summary_json = summary["content"][-1]
            if body.get("complete"):
                run.exitcode = body.get("exitcode")
                run.state = "finished" if run.exitcode == 0 else "failed"

    def delete(self, run_id: str) -> None:
        with self._lock:
            self.runs.pop(run_id, None)
            self.deleted.add(run_id)

    def find(self, entity: str, project: str, ids: Iterable[str] | None) -> list[StandInRun]:
        with self._lock:
            wanted = None if ids is None else set(ids)
            return [
                run
                for run in self.runs.values()
                if (run.entity, run.project) == (entity, project)
                and not self.hides_runs
                and (wanted is None or run.id in wanted)
            ]
