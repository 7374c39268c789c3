"""What is said of a message, as a reader pastes it."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from fairmind_sync.clock import utc_now
from fairmind_sync.operating import remedies
from fairmind_sync.operating.explanation import explain
from fairmind_sync.operating.remedies import page_of_messages, remedies_for, remedy_for
from fairmind_sync.settings import Settings
from tests.support.deliveries import dead
from tests.support.documents import DOCS

COPY = (
    "… holds other results than the source. Copy into an empty database, or into one that an earlier copy of "
    "the same source has made."
)
COPIED = f"fairmind-sync: {COPY.replace('…', 'the database postgresql+psycopg://ann@db/x')}"
KEY = "…: check WANDB_API_KEY, or run 'wandb login'; a key is shown at wandb.ai/authorize."
NO_KEY = "No API key configured. Use `wandb login` to log in."
AWAY, WANDB = "the MLflow server can't be reached: …", "W&B at … can't be reached: …"
DECODED = ("is …", "has the key …")
MLFLOW = (
    "the provider refuses this result: MLflow refuses this result (400): Param 'x' had length 7000"
)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ('the MLflow server answers 500: {"error_code": "X"}', "the MLflow server answers …: …"),
        (MLFLOW, "MLflow refuses this result (…): …"),
        (KEY.replace("…", NO_KEY), KEY),
        (f"wandb: ERROR {NO_KEY}", KEY),
        (COPIED, COPY),
        (COPIED[:150], COPY),
        (COPIED[60:100], COPY),
        ("2026-11-27T12:00:00Z [warning] webhook.refused reason=404", "webhook.refused"),
    ],
)
def test_a_pasted_message_finds_its_entry(told: str, message: str) -> None:
    found = remedy_for(told)
    assert found is not None
    assert found.message == message


@pytest.mark.parametrize("told", [None, "", "hello", "Segmentation fault (core dumped)"])
def test_what_is_no_message_finds_nothing(told: str | None) -> None:
    assert remedy_for(told) is None


def test_each_message_of_the_page_finds_itself() -> None:
    """Whatever is filled in; of two that are alike, one."""
    every = {one.remedy.message for one in remedies._entries()}
    lost = [one for one in every if remedy_for(one.replace("…", "x 7")) is None]
    assert (len(every) > 200, lost) == (True, [])


def test_the_beginning_of_each_message_finds_it() -> None:
    """If it has three words before what is filled in; those that begin the same are told together."""
    every = {one.remedy.message for one in remedies._entries()}
    begun = [(one, one.partition("…")[0].split()[:5]) for one in every]
    lost = [one for one, words in begun if len(words) > 3 and not remedies_for(" ".join(words))]
    assert lost == []


@pytest.mark.parametrize(
    ("part", "found"),
    [
        ("line 1 is no JSON", ["line … is no JSON: …. Nothing was saved."]),
        ("decode it to text", [f"… {way}: decode it to text and save again." for way in DECODED]),
        (
            "Connection refused",
            [AWAY, "the database in MLFLOW_TRACKING_URI can't be reached: …", WANDB],
        ),
        ("the server is there", []),
    ],
)
def test_a_part_of_several_words_finds_all_that_have_it(part: str, found: list[str]) -> None:
    assert [one.message for one in remedies_for(part)] == found


@pytest.mark.parametrize(
    "told", ["127.0.0.1:5999 can't be reached: Connection refused", "W&B at h can't be reached: x"]
)
@pytest.mark.parametrize(("provider", "others"), [("mlflow", "wandb"), ("wandb", "mlflow")])
def test_a_provider_s_words_get_no_remedy_of_the_other_one(
    told: str, provider: str, others: str
) -> None:
    of_others = {one.remedy for one in remedies._entries() if one.provider == others}
    assert (len(of_others) > 20, remedy_for(told, provider) in of_others) == (True, False)


def test_who_is_named_alone_in_a_text_has_said_it() -> None:
    away = remedy_for("mlflow is offline: h:5999 can't be reached: Connection refused")
    assert (away and away.message) == AWAY


def test_the_checkout_has_its_page() -> None:
    assert page_of_messages() == DOCS / "reference" / "messages.md"


def test_an_explanation_has_the_remedy_of_the_last_error(engine: Engine) -> None:
    test_id = dead(engine, "the MLflow server answers 500: boom").result.test_id
    (one,) = explain(engine, Settings(provider="mlflow"), test_id, utc_now())
    assert "has used up its attempts" in str(one.remedy)


def test_an_explanation_has_the_remedy_of_its_own_provider(engine: Engine) -> None:
    """Though a daemon of an earlier version wrote down what names neither."""
    test_id = dead(engine, "127.0.0.1:5999 can't be reached: Connection refused").result.test_id
    (one,) = explain(engine, Settings(provider="mlflow"), test_id, utc_now())
    assert "MLFLOW_TRACKING_URI" in str(one.remedy)
