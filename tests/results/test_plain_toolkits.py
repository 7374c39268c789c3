"""What numpy and pandas hand in, as JSON; neither is imported by the code that reads it."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from fairmind_sync.errors import PayloadError
from fairmind_sync.results.plain_json import plain


def shown(value: object) -> str:
    """As an id without a backslash: pytest escapes an id again each time that it collects the test."""
    return " ".join(ascii(value).replace("\\n", " ").replace("\\", "").split())


def described(value: object) -> tuple[type, str]:
    """Equal for NaNs, different for 1 and 1.0."""
    return type(value), repr(value)


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (np.float64(0.5), 0.5),
        (np.float32(0.5), 0.5),
        (np.float16(0.5), 0.5),
        (np.longdouble(0.5), 0.5),
        (np.float64("nan"), math.nan),
        (np.float32("inf"), math.inf),
        (np.int8(-1), -1),
        (np.uint64(2**64 - 1), 2**64 - 1),
        (np.bool_(True), True),
        (np.str_("é"), "é"),
        (np.datetime64("2026-01-02T03:04:05"), "2026-01-02T03:04:05"),
        (np.datetime64("2026-01-02"), "2026-01-02"),
        (np.ma.masked, None),
    ],
    ids=shown,
)
def test_a_numpy_scalar_has_a_plain_form(value: object, stored: object) -> None:
    assert described(plain(value)) == described(stored)


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (np.array([0.5, np.nan]), [0.5, math.nan]),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.array(5), 5),
        (np.array([]), []),
        (np.array([True]), [True]),
        (np.array([0.5], dtype=np.longdouble), [0.5]),
        (np.array(0.5, dtype=np.longdouble), 0.5),
        (np.array(["a"]), ["a"]),
        (np.array([1, "a", None, {"b": (2,)}], dtype=object), [1, "a", None, {"b": [2]}]),
        (np.array(["2026-01-02"], dtype="M8[D]"), ["2026-01-02"]),
        (np.array([(1, 0.5)], dtype=[("a", int), ("b", float)]), [[1, 0.5]]),
        (np.ma.masked_array([1, 2], [False, True]), [1, None]),
    ],
    ids=shown,
)
def test_a_numpy_array_becomes_a_list(value: object, stored: object) -> None:
    assert described(plain(value)) == described(stored)


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (pd.NA, None),
        (pd.NaT, None),
        (pd.Timestamp("2026-01-02T03:04:05", tz="UTC"), "2026-01-02T03:04:05+00:00"),
        (pd.Timedelta(minutes=1.5), 90.0),
    ],
    ids=shown,
)
def test_a_pandas_scalar_has_a_plain_form(value: object, stored: object) -> None:
    assert described(plain(value)) == described(stored)


@pytest.mark.parametrize(
    "missing",
    [np.datetime64("NaT", "s"), np.timedelta64("NaT", "s")],
    ids=shown,
)
def test_a_missing_numpy_time_is_null(missing: object) -> None:
    assert plain(missing) is None


def test_a_missing_time_in_an_array_is_null() -> None:
    assert plain(np.array(["2026-01-02", "NaT"], dtype="M8[D]")) == ["2026-01-02", None]


@pytest.mark.parametrize(
    "value",
    [np.timedelta64(90, "s"), pd.Timedelta(seconds=90)],
    ids=shown,
)
def test_every_duration_is_stored_in_seconds(value: object) -> None:
    assert plain(value) == 90.0


def test_durations_in_an_array_are_stored_in_seconds() -> None:
    assert plain(np.array([1, 2], dtype="m8[m]")) == [60.0, 120.0]


@pytest.mark.parametrize(
    ("series", "stored"),
    [
        (pd.Series([0.5, 1.5], index=["a", "b"]), {"a": 0.5, "b": 1.5}),
        (pd.Series([1, 2]), {"0": 1, "1": 2}),
        (pd.Series([1, 2], index=[True, False]), {"true": 1, "false": 2}),
        (pd.Series([1, None], index=["a", "b"], dtype="Int64"), {"a": 1, "b": None}),
        (
            pd.Series([1], index=pd.MultiIndex.from_tuples([("sex", "age")])),
            {"sex, age": 1},
        ),
        (pd.Series([3], index=pd.IntervalIndex.from_tuples([(0, 5)])), {"(0, 5]": 3}),
        (pd.Series(pd.to_datetime(["2026-01-02", None])), {"0": "2026-01-02T00:00:00", "1": None}),
    ],
    ids=range(7),
)
def test_a_series_becomes_a_dictionary_by_its_index(
    series: pd.Series, stored: dict[str, object]
) -> None:
    assert described(plain(series)) == described(stored)


def test_a_series_whose_index_repeats_becomes_a_list() -> None:
    assert plain(pd.Series([1, 2], index=["a", "a"])) == [1, 2]


def test_a_missing_time_in_a_series_whose_index_repeats_is_null() -> None:
    times = pd.Series([pd.Timestamp("2026-01-02"), pd.NaT], index=["a", "a"])
    assert plain(times) == ["2026-01-02T00:00:00", None]


def test_a_data_frame_becomes_a_dictionary_of_columns() -> None:
    frame = pd.DataFrame({"rate": [0.5, 1.5], "n": [1, 2]}, index=["a", "b"])
    assert plain(frame) == {"rate": {"a": 0.5, "b": 1.5}, "n": {"a": 1, "b": 2}}


def test_a_data_frame_with_two_columns_of_one_name_is_refused() -> None:
    with pytest.raises(PayloadError, match="two keys that both read 'a'"):
        plain(pd.DataFrame([[1, 2]], columns=["a", "a"]))


@pytest.mark.parametrize("index", [pd.Index([1, 2]), pd.Categorical([1, 2])], ids=["index", "cat"])
def test_other_pandas_sequences_become_lists(index: object) -> None:
    assert plain(index) == [1, 2]


def test_numpy_keys_become_text() -> None:
    assert plain({np.int64(1): 0, np.str_("a"): 0, np.float64(0.5): 0}) == {
        "1": 0,
        "a": 0,
        "0.5": 0,
    }


@pytest.mark.parametrize(
    "value",
    [
        np.complex128(1j),
        np.clongdouble(1j),
        np.bytes_(b"a"),
        np.dtype("f4"),
        np.float32,
        pd.Series,
        pd.Period("2026-01"),
    ],
    ids=shown,
)
def test_what_has_no_plain_form_is_named_by_its_path(value: object) -> None:
    with pytest.raises(PayloadError, match=r"^results\.a is "):
        plain({"a": value})


def test_an_array_that_holds_itself_is_a_cycle() -> None:
    array = np.empty(1, dtype=object)
    array[0] = array
    with pytest.raises(PayloadError, match="contains itself"):
        plain({"a": array})


@pytest.mark.parametrize("name", ["Series", "DataFrame"])
def test_another_librarys_class_of_a_pandas_name_is_named_by_its_path(name: str) -> None:
    with pytest.raises(PayloadError, match=r"^results\.a is a .*can't be stored"):
        plain({"a": type(name, (), {})()})


def test_reading_values_imports_neither_numpy_nor_pandas() -> None:
    program = "import sys, fairmind_sync.results.plain_json; print({'numpy', 'pandas'} & set(sys.modules))"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "set()\n"
