"""What FairMind imports to save results: quick, offline, and clear about what can't be stored."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import threading
from typing import Any

import pytest
from sqlalchemy import Engine

from fairmind_sync import bias_test_results as service
from fairmind_sync.errors import PayloadError, SettingsError, StorageError
from fairmind_sync.intake.prepare import prepare
from fairmind_sync.settings import Settings, current_settings
from fairmind_sync.storage import schema
from fairmind_sync.storage.tables import outbox_table, results_table
from fairmind_sync.testing import new_result
from tests.support.databases import rows
from tests.support.deliveries import save_with

pytestmark = pytest.mark.both_databases

HEAVY = {
    *("wandb", "mlflow", "fastapi", "uvicorn", "apscheduler", "typer", "rich"),
    *("alembic", "numpy", "pandas"),
}
RESULT: dict[str, Any] = {
    "test_id": "t",
    "user_id": "u",
    "model_id": "m",
    "dataset_id": "d",
    "test_type": "ml_bias",
    "results": {"accuracy": 0.85},
    "metadata": {"by": "hand"},
}


@pytest.fixture
def database(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The environment of a backend with both providers."""
    monkeypatch.setenv("MLOPS_PROVIDER", "both")
    monkeypatch.setenv("FAIRMIND_SYNC_DATABASE_URL", database_url)
    current_settings.cache_clear()
    return database_url


def save(**changes: Any) -> bool:
    return service.save_test_result_sync(**(RESULT | changes))


def saved(url: str) -> list[Any]:
    return rows(schema.ready_engine(url), results_table)


def test_importing_what_a_backend_imports_reaches_nothing_heavy() -> None:
    code = (
        "import sys\nfrom fairmind_sync import bias_test_results, mlops_integration\n"
        f"print({HEAVY}.intersection(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"


def test_a_result_is_saved(database: str) -> None:
    assert (save(), len(saved(database))) == (True, 1)


def test_a_result_is_saved_from_an_event_loop(database: str) -> None:
    assert asyncio.run(service.save_test_result(**RESULT)) is True
    assert len(saved(database)) == 1


def test_arguments_may_be_given_by_position(database: str) -> None:
    service.save_test_result_sync("t", "u", "m", "d", "ml_bias", {"accuracy": 0.85}, {"by": "hand"})
    assert not save_with(current_settings(), [prepare(**RESULT, private_fields=())])[0].is_new


def test_an_event_loop_goes_on_while_a_result_is_saved(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_thread: list[threading.Thread] = []
    monkeypatch.setattr(
        service,
        "save_test_result_sync",
        lambda *_, **_named: in_thread.append(threading.current_thread()),
    )
    asyncio.run(service.save_test_result(**RESULT))
    assert in_thread != [threading.current_thread()]


def test_many_results_are_saved_at_once_from_an_event_loop(database: str) -> None:
    async def save_many() -> None:
        await asyncio.gather(
            *(service.save_test_result(**RESULT | {"test_id": f"t{n}"}) for n in range(20))
        )

    asyncio.run(save_many())
    assert len(saved(database)) == 20


def test_a_saved_result_is_owed_to_each_enabled_provider(database: str) -> None:
    save()
    found = rows(schema.ready_engine(database), outbox_table)
    assert [row.provider for row in found] == ["wandb", "mlflow"]


def test_without_a_provider_a_result_is_saved_and_owed_to_nobody(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLOPS_PROVIDER", "none")
    save()
    assert (len(saved(database)), rows(schema.ready_engine(database), outbox_table)) == (1, [])


def test_a_result_is_stored_as_json(database: str) -> None:
    save(results={"rates": (1, float("nan")), "groups": {"b", "a"}})
    assert json.loads(saved(database)[0].results)["groups"] == ["a", "b"]


@pytest.mark.parametrize("nobody", [None, ""])
def test_a_user_and_a_dataset_may_be_left_out(database: str, nobody: str | None) -> None:
    save(user_id=nobody, dataset_id=nobody, metadata=None)
    (row,) = saved(database)
    assert (row.user_id, row.dataset_id, row.metadata) == ("", "", "{}")


def test_no_user_and_an_empty_user_are_the_same_content() -> None:
    assert new_result(test_id="t", user_id=None) == new_result(test_id="t", user_id="")


@pytest.mark.parametrize("name", [*RESULT])
def test_every_argument_is_part_of_the_content(name: str) -> None:
    other: object = {"other": 1} if name in ("results", "metadata") else "other"
    one, another = (
        prepare(**fields, private_fields=()) for fields in (RESULT, RESULT | {name: other})
    )
    assert one.digest != another.digest


def test_the_order_of_keys_is_no_part_of_the_content() -> None:
    one, other = {"a": 1, "b": 2}, {"b": 2, "a": 1}
    assert new_result(test_id="t", results=one).digest == (
        new_result(test_id="t", results=other).digest
    )


def test_saving_needs_no_network(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert asyncio.run(service.save_test_result(**RESULT))


@pytest.mark.parametrize("value", ["", "  "], ids=["empty", "blank"])
def test_a_test_has_an_id(value: str) -> None:
    with pytest.raises(PayloadError, match=r"^test_id must be a text that is not empty"):
        new_result(test_id=value)


@pytest.mark.parametrize("name", ["user_id", "model_id", "dataset_id", "test_type"])
@pytest.mark.parametrize("value", ["", None])
def test_what_else_names_a_result_may_be_empty(name: str, value: str | None) -> None:
    assert getattr(new_result(**{name: value}), name) == ""


@pytest.mark.parametrize("name", ["test_id", "user_id", "model_id", "dataset_id", "test_type"])
def test_an_identifier_that_is_no_text_is_refused_by_name(name: str) -> None:
    with pytest.raises(PayloadError, match=f"^{name} must be a text, not 7"):
        new_result(**{name: 7})


@pytest.mark.parametrize("character", ["\n", "\t", "\x1b", "\u2028"])
def test_an_identifier_may_hold_what_steers_a_terminal(character: str) -> None:
    assert new_result(test_id=f"a{character}b").test_id == f"a{character}b"


@pytest.mark.parametrize("character", ["\0", "\ud800"])
def test_an_identifier_that_no_database_takes_is_refused(character: str) -> None:
    with pytest.raises(PayloadError, match=r"test_id .* holds a null character or half of"):
        new_result(test_id=f"a{character}b")


@pytest.mark.parametrize("name", ["results", "metadata"])
@pytest.mark.parametrize("value", [[1], "text", 7], ids=["list", "text", "number"])
def test_what_must_be_a_dictionary_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(PayloadError, match=f"^{name} must be a dictionary, not "):
        new_result(**{name: value})


def test_what_can_not_be_stored_is_refused_by_its_path() -> None:
    with pytest.raises(PayloadError, match=r"^results\.groups\[1\] is a builtins.object"):
        new_result(results={"groups": [1, object()]})


def test_a_number_too_long_to_be_written_is_refused() -> None:
    with pytest.raises(PayloadError, match="results"):
        new_result(results={"count": 10**5000})


def test_a_result_that_is_refused_is_not_saved(database: str) -> None:
    with pytest.raises(PayloadError):
        save(results={"model": object()})
    assert saved(database) == []


def test_of_several_results_all_are_saved_or_none(database: str, engine: Engine) -> None:
    good, bad = new_result(), new_result(test_id="bad")
    object.__setattr__(bad, "digest", "short")
    with pytest.raises(StorageError):
        save_with(Settings(database_url=database), [good, bad])
    assert saved(database) == []


def test_many_results_are_saved_by_one_call(database: str) -> None:
    least = {name: RESULT[name] for name in ("model_id", "test_type", "results")}
    many = [{**least, "test_id": "first"}, {**RESULT, "test_id": "second"}]
    assert [service.save_test_results_sync(many) for _ in range(2)] == [2, 0]
    assert [(row.test_id, row.user_id) for row in saved(database)] == [
        ("first", ""),
        ("second", "u"),
    ]


def test_many_results_of_which_one_is_wrong_are_not_saved(database: str) -> None:
    wrong = RESULT | {"test_id": " "}
    with pytest.raises(PayloadError, match=r"^result 2: test_id must be .* Nothing was saved\.$"):
        asyncio.run(service.save_test_results([RESULT, wrong]))
    assert saved(database) == []


def test_a_database_that_can_not_be_used_is_an_error_that_says_so(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAIRMIND_SYNC_DATABASE_URL", "sqlite:////proc/nowhere/results.db")
    with pytest.raises(StorageError, match="Set FAIRMIND_SYNC_DATABASE_URL to a place"):
        save()


def test_a_wrong_setting_is_an_error_that_names_its_variable(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAIRMIND_SYNC_REDACT", "email")
    with pytest.raises(SettingsError, match="FAIRMIND_SYNC_REDACT"):
        save()


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("MLOPS_PROVIDER", "neptune"),
        ("MLFLOW_TRACKING_URI", "./mlruns"),
        ("MLFLOW_TRACKING_URI", " HTTP://h"),
        ("FAIRMIND_SYNC_API_PORT", "tcp://10.0.0.1:8000"),
        ("FAIRMIND_SYNC_POLL_SECONDS", "soon"),
    ],
)
def test_a_wrong_setting_of_something_else_neither_stops_a_save_nor_a_look(
    database: str, monkeypatch: pytest.MonkeyPatch, variable: str, text: str
) -> None:
    monkeypatch.setenv(variable, text)
    save()
    assert service.get_test_result_sync(RESULT["test_id"], RESULT["user_id"]) is not None
