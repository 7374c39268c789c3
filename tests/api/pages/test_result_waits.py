"""The page of a result that waits for its provider: what the error means, and a button to end the wait."""

from __future__ import annotations

import html
from collections.abc import Callable
from random import Random

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Connection, Engine

from fairmind_sync.outbox import provider_state
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.storage.engine import writing
from tests.support.clock import NOW
from tests.support.deliveries import delivered, save

NO_KEY = (
    "There is no key for W&B: check WANDB_API_KEY, or run 'wandb login'; "
    "a key is shown at wandb.ai/authorize."
)


def blocked(connection: Connection, provider: ProviderName = "mlflow") -> None:
    provider_state.note_blocked(connection, provider, NO_KEY, chance=Random(1), now=NOW)


def offline(connection: Connection) -> None:
    provider_state.note_offline(
        connection, "mlflow", "no route", after=NOW - NOW, chance=Random(1), now=NOW
    )


def paused(connection: Connection) -> None:
    provider_state.pause(connection, "mlflow", NOW)


def page_of(client: TestClient, test_id: str) -> str:
    return html.unescape(client.get(f"/result?test_id={test_id}").text)


@pytest.mark.parametrize(
    ("put", "label"),
    [(blocked, "Resume mlflow"), (offline, "Try mlflow now"), (paused, "Resume mlflow")],
)
def test_a_delivery_that_waits_for_its_provider_has_a_button_to_end_that(
    client: TestClient, engine: Engine, put: Callable[[Connection], object], label: str
) -> None:
    save(engine, "mlflow", test_id="t")
    with writing(engine) as connection:
        put(connection)
    page = page_of(client, "t")
    assert 'action="/providers/mlflow/resume"' in page
    assert f">{label}</button>" in page


def test_a_delivery_that_waits_for_nobody_has_no_such_button(
    client: TestClient, engine: Engine
) -> None:
    test_id = delivered(engine).result.test_id
    save(engine, "mlflow", test_id="next")
    pages = [page_of(client, "next")]
    with writing(engine) as connection:
        paused(connection)
    pages.append(page_of(client, test_id))
    assert [page for page in pages if "/providers/mlflow/resume" in page] == []


def test_the_page_says_what_an_error_means_as_explain_does(
    client: TestClient, engine: Engine
) -> None:
    save(engine, "wandb", test_id="t")
    with writing(engine) as connection:
        blocked(connection, "wandb")
    assert "<dt>It means</dt><dd>the key is missing, broken or unknown" in page_of(client, "t")
