"""What is said of an error that has others beneath it."""

from __future__ import annotations

import socket

import pytest
import requests
import urllib3

from fairmind_sync.providers.causes import in_words


@pytest.fixture
def nobody() -> str:
    """The address of a port that was just free."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}/x"


def test_a_refused_connection_is_told_as_the_system_tells_it(nobody: str) -> None:
    with pytest.raises(requests.ConnectionError) as refused:
        requests.get(nobody, timeout=60)
    assert in_words(refused.value) == "Connection refused"


def test_so_it_is_of_urllib3(nobody: str) -> None:
    with (
        urllib3.PoolManager(retries=False) as pool,
        pytest.raises(urllib3.exceptions.HTTPError) as one,
    ):
        pool.request("GET", nobody)
    assert in_words(one.value) == "Connection refused"


@pytest.mark.parametrize(
    "error",
    [
        ValueError("<urllib3.connection.HTTPConnection object at 0x7f00>: it is away"),
        ValueError("HTTPConnection(host='127.0.0.1', port=9): it is away"),
        ValueError("it is away"),
    ],
)
def test_objects_of_python_are_left_out(error: Exception) -> None:
    assert in_words(error) == "it is away"


def test_an_error_without_words_is_told_by_its_name() -> None:
    assert in_words(TimeoutError()) == "TimeoutError"


def test_a_cause_in_an_attribute_goes_before_what_was_being_handled() -> None:
    error = Exception("no words of it")
    vars(error)["reason"] = OSError(111, "Connection refused")
    error.__cause__ = OSError(1, "another")
    assert in_words(error) == "Connection refused"


def test_a_cause_goes_before_what_was_being_handled() -> None:
    error = Exception("no words of it")
    error.__context__ = OSError(1, "another")
    assert in_words(error) == "another"
    error.__cause__ = OSError(111, "Connection refused")
    assert in_words(error) == "Connection refused"


def test_words_of_the_system_go_before_those_of_an_error() -> None:
    assert in_words(OSError("no number")) == "no number"
    assert in_words(OSError(111, "Connection refused")) == "Connection refused"
