"""Reads what W&B says that it holds of a run, and compares that
with what we sent: complete, or shaped by others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fairmind_sync.providers.wandb.content import PROOF, WandbContent
from fairmind_sync.results.delivery import Run
from fairmind_sync.results.plain_json import dumps
from fairmind_sync.text import shorten

_SHAPES = {"group": "group", "jobType": "job type", "sweepName": "sweep"}
"""What W&B's pages sort runs by, by W&B's names and in our words."""
_FEW, _LONGEST_VALUE = 5, 100
_OF_THE_SDK = "_"
"""What the SDK's own keys of a config begin with."""


@dataclass(frozen=True, slots=True)
class Held:
    """What the service says that it holds of one run.

    `config` is what its config holds that isn't the SDK's, `shapes` what sorts the run among others, `files`
    each file's MD5 in base64. `content` is the digest of the result's content, if the run has one.
    """

    state: str
    digest: str
    history_lines: int
    config: Mapping[str, Any]
    tags: frozenset[str]
    notes: str
    shapes: Mapping[str, str]
    files: Mapping[str, str]
    run: Run
    destination: str
    content: str = ""

    def is_complete(self, content: WandbContent) -> bool:
        """Returns whether the run is finished, with our digest and the history row; its files are apart."""
        return (
            self.state == "finished"
            and self.digest == content.digest
            and self.history_lines >= bool(content.row)
        )

    def shaped_by(self, content: WandbContent) -> str:
        """Returns, in words, what shapes a new run beside the content; nothing where nothing does."""
        ours = {"group": content.group, "job type": content.job_type}
        found = [
            f"{word} {value!r}" for word, value in self.shapes.items() if value != ours.get(word)
        ]
        if len(self.config) > len(content.config):
            found += [f"config {key!r}" for key in sorted({*self.config} - {*content.config})]
        return ", ".join(found[:_FEW])

    def differs_by(self, content: WandbContent) -> str:
        """Returns, in words, what else a new run has that isn't ours, or lacks; nothing if all is as sent.

        Users and W&B's automations edit notes and tags.
        """
        found = [] if self.notes == content.description else [f"notes {self.notes!r}"]
        found += [f"tag {tag!r}" for tag in sorted(self.tags - set(content.tags))]
        found += [f"no tag {tag!r}" for tag in sorted(set(content.tags) - self.tags)]
        found += [f"no config {key!r}" for key in sorted({*content.config} - {*self.config})]
        found += [
            f"config {key!r} is {shorten(dumps(value), _LONGEST_VALUE)}"
            for key, value in self.config.items()
            if key in content.config and value != content.config[key]
        ]
        return ", ".join(found[:_FEW])


def held(node: Mapping[str, Any], run: Run, destination: str) -> Held:
    """Returns what W&B's answer tells of the run."""
    return Held(
        state=str(node["state"]),
        digest=_proof_in(node.get("summaryMetrics"), "digest"),
        content=_proof_in(node.get("summaryMetrics"), "content"),
        history_lines=int(node.get("historyLineCount") or 0),
        config=_config_in(node.get("config")),
        tags=frozenset(node.get("tags") or ()),
        notes=str(node.get("notes") or ""),
        shapes={word: str(node[name]) for name, word in _SHAPES.items() if node.get(name)},
        files=_files_in(node.get("files")),
        run=run,
        destination=destination,
    )


def _config_in(config: object) -> dict[str, Any]:
    """Returns our keys' values, which W&B wraps in objects."""
    return {
        key: entry.get("value") if isinstance(entry, dict) else entry
        for key, entry in _object(config).items()
        if not key.startswith(_OF_THE_SDK)
    }


def _files_in(files: object) -> dict[str, str]:
    edges = files.get("edges") or () if isinstance(files, dict) else ()
    nodes = [edge["node"] for edge in edges]
    return {str(node["name"]): str(node.get("md5") or "") for node in nodes}


def _proof_in(summary: object, which: str) -> str:
    """Returns a digest that we wrote into the summary; nothing where a user has edited it away."""
    proof = _object(summary).get(PROOF)
    return str(proof.get(which, "")) if isinstance(proof, dict) else ""


def _object(text: object) -> dict[str, Any]:
    try:
        found = json.loads(str(text))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
