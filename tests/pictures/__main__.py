"""`python -m tests.pictures`: what MLflow's own pages show of twelve typical results, for the docs.

Delivers the results to a real server, and writes the pictures and the page that shows them.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from fairmind_sync.demo.tracking_server import tracking_server
from fairmind_sync.evidence.group_table import table_of
from fairmind_sync.intake.prepare import prepare
from fairmind_sync.outbox.delivery_lookup import DeliveryRecord, RunFilter, find
from fairmind_sync.results.delivery import NewResult
from fairmind_sync.settings import Settings
from fairmind_sync.storage.schema import ready_engine
from tests.browser.chromium import chromium
from tests.results.examples import example
from tests.support.deliveries import save_with
from tests.support.processes import command
from tests.support.values import saved_result

PLACE = Path(__file__).parents[2] / "daemon" / "docs" / "pictures"
TWELVE = {
    "ml_bias_1": "An ML bias test; groups of age such as <=25",
    "ml_bias_2": 'An ML bias test; groups such as race == "Black"',
    "dataset_bias_2": "A dataset's bias",
    "comprehensive_dataset_1": "A dataset's comprehensive analysis",
    "india_bias_1": "Indian contexts: caste, religion, region",
    "india_bias_2": "Indian contexts, another form",
    "llm_bias_1": "A language model's bias",
    "modern_llm_1": "A language model's bias by modern tests",
    "multimodal_1": "A multimodal model's bias",
    "advanced_causal_1": "A causal analysis",
    "advanced_intersectional_2": "An intersectional analysis",
    "real_bias_1": "Rates of groups with counts, thresholds and intervals",
}
_MODELS = {
    "credit-a": {"selection_rate": {"female": 0.31, "male": 0.52}, "accuracy": 0.87},
    "credit-b": {"selection_rate": {"female": 0.44, "male": 0.53}, "accuracy": 0.86},
}
_VIEWPORT: Any = {"width": 1100, "height": 780}
_SETTLED_MS, _PATIENCE_MS = 1_000, 240_000
_IN_REPORT = "Bias test report"
_SHOTS = (
    ("overview", "", "About this run"),
    ("table", "/artifacts/evidence/groups.json", "difference"),
    ("report", "/artifacts/evidence/report.html", _IN_REPORT),
)

_INTRODUCTION = """# What MLflow shows

Twelve typical results, delivered to a real MLflow server and photographed in its own pages. Each run has its
verdict among the tags, its dataset, the table of groups and metrics where there are any, and the report.
`task pictures` takes the pictures anew.

![The runs of an experiment](runs.jpg)

![Two models compared](two-models-compared.jpg)"""


@dataclass(frozen=True)
class Camera:
    """Takes pictures of one server's pages, and puts them into a folder."""

    page: Page
    uri: str
    folder: Path

    def take(self, path: str, name: str, shows: str) -> None:
        """Takes a picture of the page once it shows a text."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.uri}/#{path}")
        self._wait_for(shows)
        self._close_the_assistant()
        self.page.screenshot(path=self.folder / f"{name}.jpg", type="jpeg", quality=55)

    def _wait_for(self, shows: str) -> None:
        is_report = shows == _IN_REPORT
        place = self.page.frame_locator("iframe") if is_report else self.page
        place.get_by_text(shows).first.wait_for(timeout=_PATIENCE_MS)
        self.page.wait_for_timeout(_SETTLED_MS)  # MLflow's page goes on asking its server for ever

    def _close_the_assistant(self) -> None:
        closer = self.page.get_by_role("button", name="Close", exact=False)
        if self.page.get_by_text("MLflow Assistant").count() and closer.count():
            closer.first.click()
            self.page.wait_for_timeout(500)


def main() -> None:
    """Delivers, takes the pictures, and writes the page."""
    with (
        tempfile.TemporaryDirectory() as place,
        tempfile.TemporaryDirectory() as folder,
        tracking_server(Path(place)) as uri,
    ):
        records = _delivered(Path(place), uri)
        with _camera(uri, Path(folder)) as camera:
            for name in TWELVE:
                for what, path, shows in _shots(name):
                    camera.take(f"{_run(records[name])}{path}", f"{name}-{what}", shows)
            two = json.dumps([records[model].run_id for model in _MODELS])
            compared = f'/compare-runs?runs={two}&experiments=["1"]'
            camera.take(compared, "two-models-compared", "Run details")
            camera.take("/experiments/1/runs?compareRunsMode=TABLE", "runs", "credit-b")
        replace(PLACE, Path(folder))
    (PLACE / "README.md").write_text(_page(), encoding="utf-8")


def replace(place: Path, taken: Path) -> None:
    """Puts pictures into the place of those of before; what is in folders there is another tool's."""
    place.mkdir(parents=True, exist_ok=True)
    for former in place.glob("*.jpg"):
        former.unlink()
    shutil.copytree(taken, place, dirs_exist_ok=True)


def _shots(name: str) -> list[tuple[str, str, str]]:
    """Those of a result without groups and metrics have no table."""
    has_table = bool(table_of(saved_result(results=example(name))).rows)
    return [shot for shot in _SHOTS if has_table or shot[0] != "table"]


def _delivered(place: Path, uri: str) -> dict[str, DeliveryRecord]:
    url = f"sqlite:///{place / 'fairmind-sync.db'}"
    save_with(Settings(provider="mlflow", database_url=url), _results())
    env = {
        "MLOPS_PROVIDER": "mlflow",
        "MLFLOW_TRACKING_URI": uri,
        "FAIRMIND_SYNC_DATABASE_URL": url,
    }
    command("drain", env=env)
    return {record.test_id: record for record in find(ready_engine(url), RunFilter())}


def _results() -> Sequence[NewResult]:
    """The twelve, and a result of each of two models."""
    twelve = [_prepared(name, "credit-a", name.rsplit("_", 1)[0], example(name)) for name in TWELVE]
    return [*twelve, *(_prepared(name, name, "ml_bias", of) for name, of in _MODELS.items())]


def _prepared(test_id: str, model_id: str, test_type: str, results: Any) -> NewResult:
    return prepare(
        test_id=test_id,
        user_id="fairness-team",
        model_id=model_id,
        dataset_id="applications-2026",
        test_type=test_type,
        results=results,
        metadata={"model_version": 3, "dataset_digest": "5f1d9e0c"},
        private_fields=(),
    )


@contextmanager
def _camera(uri: str, folder: Path) -> Iterator[Camera]:
    with chromium() as browser:
        yield Camera(browser.new_page(viewport=_VIEWPORT), uri, folder)


def _run(record: DeliveryRecord) -> str:
    experiment = str(record.destination).rsplit(" ", 1)[-1]
    return f"/experiments/{experiment}/runs/{record.run_id}"


def _page() -> str:
    lines = [_INTRODUCTION]
    for name, title in TWELVE.items():
        lines += ["", f"## {title}", ""]
        lines += [f"![{title}: {what}]({name}-{what}.jpg)" for what, *_ in _shots(name)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
