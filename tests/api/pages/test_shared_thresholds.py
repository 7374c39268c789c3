"""A threshold that several lines share is drawn once, and told once."""

from __future__ import annotations

import re

from fastapi.testclient import TestClient
from sqlalchemy import Engine

from fairmind_sync.api.pages.trend_chart import trend_svg
from fairmind_sync.api.pages.trend_lines import Dot, Limit, Line, limits_of
from tests.support.clock import NOW
from tests.support.deliveries import save


def line(name: str, threshold: float | None) -> Line:
    return Line(name, [Dot(NOW, 0.5)], threshold)


LINES = [line("a", 0.2), line("b", None), line("c", 0.3), line("d", 0.2)]


def test_equal_thresholds_are_one() -> None:
    assert limits_of(LINES) == [Limit(0.2, ("a", "d")), Limit(0.3, ("c",))]


def test_a_shared_threshold_is_drawn_once_in_a_colour_of_no_line() -> None:
    drawn = re.findall(r'<line class="limit ([^"]*)"[^>]*><title>([^<]*)', str(trend_svg(LINES)))
    assert drawn == [("shared", "a, d: threshold 0.2"), ("c2", "c: threshold 0.3")]


def test_models_of_one_threshold_have_one_label(client: TestClient, engine: Engine) -> None:
    for model, threshold in (("m-1", 0.2), ("m-2", 0.2), ("m-3", 0.3), ("m-4", None)):
        judged = {"value": 0.1} | ({} if threshold is None else {"threshold": threshold})
        save(engine, test_id=model, model_id=model, results={"metrics": {"parity": judged}})
    models = "&".join(f"model_id=m-{number}" for number in (1, 2, 3, 4))
    page = client.get(f"/compare?{models}&metric=metrics/parity/value").text
    (legend,) = re.findall(r'<ul class="legend">(.*?)</ul>', page, re.DOTALL)
    told = [" ".join(re.sub("<[^>]*>", "", one).split()) for one in legend.split("<li>")[1:]]
    assert told == ["m-1", "m-2", "m-3, threshold 0.3", "m-4", "threshold 0.2: m-1, m-2"]


def test_a_threshold_of_all_names_none(client: TestClient, engine: Engine) -> None:
    judged = {"metrics": {"parity": {"value": 0.1, "threshold": 0.2}}}
    for model in ("m-1", "m-2"):
        save(engine, test_id=model, model_id=model, results=judged)
    page = client.get("/compare?model_id=m-1&model_id=m-2&metric=metrics/parity/value").text
    assert re.findall(r"threshold 0.2[^<]*</", page.split('<ul class="legend">')[1]) == [
        "threshold 0.2</"
    ]
