"""Results in files: one object, an array, or a line each."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fairmind_sync.errors import PayloadError
from fairmind_sync.intake.json_lines import parse
from fairmind_sync.intake.prepare import prepare

ONE: dict[str, Any] = {
    "test_id": "one",
    "model_id": "m",
    "test_type": "ml_bias",
    "results": {"accuracy": 0.85},
}
TWO = ONE | {"test_id": "two"}


def ids(text: str) -> list[str]:
    return [result.test_id for result in parse(text, ())]


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in ONE.items() if key != name}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([ONE, TWO]),
        json.dumps([ONE, TWO], indent=2),
        f"{json.dumps(ONE)}\n{json.dumps(TWO)}",
        f"{json.dumps(ONE)}\n\n   \n{json.dumps(TWO)}\n",
        f"{json.dumps(ONE)}\r\n{json.dumps(TWO)}\r\n",
    ],
    ids=["array", "indented array", "lines", "empty lines", "Windows lines"],
)
def test_several_results_are_read_in_their_order(text: str) -> None:
    assert ids(text) == ["one", "two"]


@pytest.mark.parametrize("indent", [None, 2], ids=["line", "indented"])
def test_a_single_object_is_one_result(indent: int | None) -> None:
    assert ids(json.dumps(ONE, indent=indent)) == ["one"]


@pytest.mark.parametrize("text", ["", "\n\n", "[]"])
def test_a_file_without_results_has_none(text: str) -> None:
    assert parse(text, ()) == []


def test_a_result_from_a_file_is_the_same_as_one_from_a_call() -> None:
    given = ONE | {"user_id": "u", "dataset_id": "d", "metadata": {"by": "hand"}}
    assert parse(json.dumps(given), ()) == [prepare(**given, private_fields=())]


def test_what_may_be_left_out_may_be_left_out() -> None:
    assert parse(json.dumps(ONE), ()) == [
        prepare(**ONE, user_id=None, dataset_id=None, private_fields=())
    ]


def test_numbers_that_json_lacks_are_read_as_python_writes_them() -> None:
    (result,) = parse(json.dumps(ONE | {"results": {"rate": float("inf")}}), ())
    assert result.results == '{"rate":Infinity}'


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85"])
def test_a_line_may_hold_whatever_json_allows_in_a_text(separator: str) -> None:
    noted = ONE | {"metadata": {"note": f"a{separator}b"}}
    lines = [json.dumps(each, ensure_ascii=False) for each in (noted, TWO)]
    assert ids("\n".join(lines)) == ["one", "two"]


@pytest.mark.parametrize("name", [*ONE])
def test_what_is_missing_is_named(name: str) -> None:
    with pytest.raises(PayloadError, match=f"^result 1: it has no {name}. Nothing was saved.$"):
        parse(json.dumps(without(name)), ())


def test_all_that_is_missing_is_named() -> None:
    with pytest.raises(PayloadError, match="it has no test_id, model_id, test_type, results"):
        parse("{}", ())


def test_a_field_that_is_not_known_is_named() -> None:
    with pytest.raises(PayloadError, match="result 1: it has fields that are not known: a, b"):
        parse(json.dumps(ONE | {"b": 1, "a": 2}), ())


@pytest.mark.parametrize("entry", ["null", "7", '"text"', "[[]]"])
def test_what_is_no_object_is_refused(entry: str) -> None:
    with pytest.raises(PayloadError, match="result 1: it is no object with named fields"):
        parse(entry, ())


def test_the_result_that_is_wrong_is_counted_from_one() -> None:
    with pytest.raises(PayloadError, match=r"^result 2: test_id must be a text"):
        parse(json.dumps([ONE, TWO | {"test_id": ""}]), ())


def test_the_line_that_is_no_json_is_counted_from_one() -> None:
    with pytest.raises(PayloadError, match=r"^line 3 is no JSON: .* Nothing was saved.$"):
        parse(f"{json.dumps(ONE)}\n\n{{'test_id': 1}}", ())


def test_what_is_nested_too_deeply_to_be_read_is_refused() -> None:
    with pytest.raises(PayloadError, match="Nothing was saved"):
        parse("[" * 200_000, ())


def test_one_wrong_result_refuses_the_whole_file() -> None:
    with pytest.raises(PayloadError):
        parse(f"{json.dumps(ONE)}\n{json.dumps(without('results'))}", ())
