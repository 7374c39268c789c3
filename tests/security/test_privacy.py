"""Fields that are private: removed before anything is stored, whichever door the result comes in by."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from fairmind_sync import bias_test_results, mlops_integration
from fairmind_sync.errors import SettingsError
from fairmind_sync.intake.prepare import prepare
from fairmind_sync.operating import doctor
from fairmind_sync.results.plain_json import Json
from fairmind_sync.results.privacy import parse, without_private
from fairmind_sync.settings import Settings, load_settings
from fairmind_sync.storage.tables import results_table
from tests.api.test_endpoints import body
from tests.security.attack import API, client_of
from tests.support.databases import rows
from tests.support.processes import command
from tests.support.values import for_all, objects

SSN = "078-05-1120"
PATTERNS = "metadata.email,results.*.name,**.ssn"
RESULTS: dict[str, Json] = {
    "accuracy": 0.5,
    "groups": {"name": SSN},
    "rows": [{"ssn": SSN, "n": 1}, {"user.SSN": SSN}],
}
METADATA: dict[str, Json] = {"email": SSN, "deep": {"deeper": [{"ssn": SSN}]}, "kept": "yes"}


def left(value: Json, *patterns: str, root: str = "results") -> Json:
    return without_private(value, root, [parse(pattern) for pattern in patterns])


@pytest.mark.parametrize(
    "pattern",
    [
        "results",
        "**",
        "email",
        "",
        ".",
        "results.",
        ".email",
        "results..a",
        "model_id.x",
        "test_id",
    ],
)
def test_a_pattern_that_can_match_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="no path"):
        parse(pattern)


@pytest.mark.parametrize("pattern", ["metadata", "metadata..a", "email"])
def test_a_wrong_pattern_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch, pattern: str) -> None:
    monkeypatch.setenv("FAIRMIND_SYNC_REDACT", f"metadata.email,{pattern}")
    with pytest.raises(SettingsError, match="FAIRMIND_SYNC_REDACT"):
        _ = load_settings().private_fields


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ((), {"a": {"b": 1, "bc": 2}, "d": [{"b": 3}, 4]}),
        (("results.a",), {"d": [{"b": 3}, 4]}),
        (("results.a.b",), {"a": {"bc": 2}, "d": [{"b": 3}, 4]}),
        (("results.b",), {"a": {"b": 1, "bc": 2}, "d": [{"b": 3}, 4]}),
        (("metadata.a",), {"a": {"b": 1, "bc": 2}, "d": [{"b": 3}, 4]}),
        (("results.*",), {}),
        (("results.*.b",), {"a": {"bc": 2}, "d": [{"b": 3}, 4]}),
        (("results.a.b?",), {"a": {"b": 1}, "d": [{"b": 3}, 4]}),
        (("results.a.b*",), {"a": {}, "d": [{"b": 3}, 4]}),
        (("results.A",), {"d": [{"b": 3}, 4]}),
        (("results.d.0",), {"a": {"b": 1, "bc": 2}, "d": [4]}),
        (("results.d.1",), {"a": {"b": 1, "bc": 2}, "d": [{"b": 3}]}),
        (("results.d.*",), {"a": {"b": 1, "bc": 2}, "d": []}),
        (("results.d.*.b",), {"a": {"b": 1, "bc": 2}, "d": [{}, 4]}),
        (("**.b",), {"a": {"bc": 2}, "d": [{}, 4]}),
        (("results.**.b",), {"a": {"bc": 2}, "d": [{}, 4]}),
        (("results.**.a",), {"d": [{"b": 3}, 4]}),
        (("**.**.b",), {"a": {"bc": 2}, "d": [{}, 4]}),
        (("**.results.a",), {"d": [{"b": 3}, 4]}),
        (("**.d.**.b",), {"a": {"b": 1, "bc": 2}, "d": [{}, 4]}),
        (("results.a.b", "results.d"), {"a": {"bc": 2}}),
        (("results.a", "results.a.b"), {"d": [{"b": 3}, 4]}),
    ],
    ids=str,
)
def test_what_matches_is_removed_and_the_rest_stays(
    patterns: tuple[str, ...], expected: Json
) -> None:
    assert left({"a": {"b": 1, "bc": 2}, "d": [{"b": 3}, 4]}, *patterns) == expected


@given(objects)
@for_all
def test_without_patterns_nothing_is_removed(value: dict[str, Json]) -> None:
    assert left(value) is value


secrets = st.from_regex(r"secret-[0-9a-f]{16}", fullmatch=True)


def hide(value: Json, secret: str, way: list[int]) -> Json:
    """The value with the secret under a key `ssn`, somewhere inside."""
    step, *rest = way or [0]
    if isinstance(value, dict) and value and way:
        key = sorted(value)[step % len(value)]
        return {**value, key: hide(value[key], secret, rest)}
    if isinstance(value, list) and value and way:
        place = step % len(value)
        return [*value[:place], hide(value[place], secret, rest), *value[place + 1 :]]
    return {"ssn": secret, "beside": value}


@given(objects, objects, secrets, st.lists(st.integers(0, 5), max_size=4))
@for_all
def test_a_private_value_is_nowhere_in_what_is_stored(
    results: dict[str, Json], metadata: dict[str, Json], secret: str, way: list[int]
) -> None:
    stored = prepare(
        "t", "u", "m", "d", "x",
        {"hidden": hide(results, secret, way)},
        {"hidden": [hide(metadata, secret, way)]},
        private_fields=Settings(redact=("**.ssn",)).private_fields,
    )  # fmt: skip
    assert secret not in repr(astuple(stored))


@given(objects, secrets)
@for_all
def test_a_private_value_leaves_no_trace_in_the_digest(
    results: dict[str, Json], secret: str
) -> None:
    digests = {
        prepare(
            "t", "u", "m", "d", "x", {"kept": results, "ssn": value},
            private_fields=Settings(redact=("results.ssn",)).private_fields,
        ).digest
        for value in (secret, "other")
    }  # fmt: skip
    assert len(digests) == 1


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch, database_url: str) -> dict[str, str]:
    """What the environment says, here and in the commands that are started."""
    variables = {
        "MLOPS_PROVIDER": "mlflow",
        "FAIRMIND_SYNC_DATABASE_URL": database_url,
        "FAIRMIND_SYNC_REDACT": PATTERNS,
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


def by_call(_env: dict[str, str], _place: Path) -> None:
    bias_test_results.save_test_result_sync("t", "u", "m", "d", "x", RESULTS, METADATA)


def by_log_call(_env: dict[str, str], _place: Path) -> None:
    mlops_integration.log_bias_test("t", "m", "x", RESULTS, METADATA, wait=0)


def by_rest(_env: dict[str, str], _place: Path) -> None:
    sent = body(results=RESULTS, metadata=METADATA)
    client_of(load_settings()).post(f"{API}/log-test", json=sent)


def by_rest_once(_env: dict[str, str], _place: Path) -> None:
    sent = body(results=RESULTS, metadata=METADATA)
    client_of(load_settings()).post(f"{API}/log-test", json=sent, headers={"Idempotency-Key": "k"})


def entry() -> dict[str, Any]:
    return {"model_id": "m", "test_type": "x", "results": RESULTS, "metadata": METADATA}


def by_command(env: dict[str, str], _place: Path) -> None:
    command("save", "-", env=env, stdin=json.dumps(entry() | {"test_id": "t"}))


def by_import(env: dict[str, str], place: Path) -> None:
    (place / "results").mkdir()
    (place / "results" / "t.json").write_text(json.dumps(entry()))
    command("import", "results", env=env)


DOORS: list[Callable[[dict[str, str], Path], None]] = [
    by_call,
    by_log_call,
    by_rest,
    by_rest_once,
    by_command,
    by_import,
]
through_every_door = pytest.mark.parametrize("door", DOORS, ids=lambda door: str(door.__name__))


@through_every_door
def test_no_door_lets_a_private_field_in(
    env: dict[str, str],
    tmp_path: Path,
    engine: Engine,
    door: Callable[[dict[str, str], Path], None],
) -> None:
    door(env, tmp_path)
    files = (tmp_path / "database").iterdir()
    assert [file.name for file in files if SSN.encode() in file.read_bytes()] == []


@through_every_door
def test_every_door_lets_the_rest_in(
    env: dict[str, str],
    tmp_path: Path,
    engine: Engine,
    door: Callable[[dict[str, str], Path], None],
) -> None:
    door(env, tmp_path)
    (row,) = rows(engine, results_table)
    assert (json.loads(row.results), json.loads(row.metadata)) == (
        {"accuracy": 0.5, "groups": {}, "rows": [{"n": 1}, {}]},
        {"deep": {"deeper": [{}]}, "kept": "yes"},
    )


def test_a_result_tells_what_was_removed_and_nothing_of_it(
    env: dict[str, str], tmp_path: Path, engine: Engine
) -> None:
    by_call(env, tmp_path)
    (row,) = rows(engine, results_table)
    assert json.loads(row.removed) == {"metadata.email": 1, "results.*.name": 1, "**.ssn": 3}


def test_a_result_from_which_nothing_was_removed_tells_nothing(
    env: dict[str, str], engine: Engine
) -> None:
    bias_test_results.save_test_result_sync("t", "u", "m", "d", "x", {"accuracy": 0.5})
    (row,) = rows(engine, results_table)
    assert row.removed is None


def test_doctor_tells_what_matched_lately(
    env: dict[str, str], tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_in_worker", lambda *_arguments: None)
    by_call(env, tmp_path)
    by_rest(env, tmp_path)
    (found,) = (one for one in doctor.examine() if one.check == "private fields")
    assert (found.is_ok, found.detail) == (
        True,
        "removed from the newest 2 results: metadata.email 2, results.*.name 2, **.ssn 6",
    )
