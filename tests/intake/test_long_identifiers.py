"""Ids that are as long as databases take, in characters and in bytes, and those that are longer."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from sqlalchemy import Engine

from fairmind_sync.errors import PayloadError
from fairmind_sync.intake.prepare import LONGEST_IDENTIFIER, LONGEST_IN_BYTES
from fairmind_sync.outbox import saving
from fairmind_sync.results.delivery import NewResult
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import results_table
from fairmind_sync.testing import new_result
from tests.support.clock import NOW
from tests.support.databases import rows
from tests.support.deliveries import claim

_NAMES = ["test_id", "user_id", "model_id", "dataset_id", "test_type"]
_CHANCE = random.Random(1)
_LONGEST = "".join(chr(_CHANCE.randrange(0x20000, 0x2A6D0)) for _ in range(312)) + "ä"
"""In bytes; no compression makes it shorter."""
_STORED = "".join(chr(_CHANCE.randrange(0x4E00, 0x9FA0)) for _ in range(500))
"""As versions before the limit in bytes took it."""


def store(engine: Engine, new: NewResult) -> None:
    with writing(engine) as connection:
        saving.save(connection, new, ["mlflow"], NOW)


def test_the_longest_identifier_fits() -> None:
    longest = "a" * LONGEST_IDENTIFIER
    assert new_result(test_id=longest).test_id == longest


def test_an_identifier_of_too_many_characters_is_refused() -> None:
    with pytest.raises(PayloadError, match="test_id has 501 characters; at most 500 fit"):
        new_result(test_id="a" * 501)


@pytest.mark.parametrize("name", _NAMES)
def test_an_identifier_of_too_many_bytes_is_refused(name: str) -> None:
    with pytest.raises(PayloadError) as refused:
        new_result(**{name: f"{_LONGEST}a"})
    assert str(refused.value) == (
        f"{name} has 314 characters of 1251 bytes in all (UTF-8); at most 1250 bytes fit. "
        "Shorten it and save again."
    )


@pytest.mark.both_databases
def test_each_database_takes_the_longest_identifiers(engine: Engine) -> None:
    assert len(_LONGEST.encode()) == LONGEST_IN_BYTES
    store(engine, new_result(**dict.fromkeys(_NAMES, _LONGEST)))
    assert [row.test_id for row in rows(engine, results_table)] == [_LONGEST]


def test_a_longer_one_in_a_file_is_delivered(engine: Engine) -> None:
    store(engine, replace(new_result(), test_id=_STORED, user_id=_STORED))
    assert [delivery.result.test_id for delivery in claim(engine)] == [_STORED]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_server_that_refuses_a_longer_one_is_not_told_to_be_broken(engine: Engine) -> None:
    with pytest.raises(PayloadError) as refused:
        store(engine, replace(new_result(), test_id=_STORED, user_id=_STORED))
    words = str(refused.value)
    assert words.startswith("PostgreSQL can't hold a value that is so long: index row size 3")
    assert words.endswith(
        ". Nothing was stored. Shorten it; ids that an older version saved in a SQLite file can be delivered "
        "from that file alone."
    )
