"""Bundles that are signed rightly and hold anything: each is refused or read, and none ends the program."""

from __future__ import annotations

import random
from base64 import b64encode
from copy import deepcopy
from hashlib import sha512
from pathlib import Path
from typing import Any

import pytest

from fairmind_sync.errors import BundleError, PayloadError
from fairmind_sync.handover import carried
from fairmind_sync.handover.bundle_format import FORMAT, VERSION, header_of, line_of, trailer
from fairmind_sync.handover.public_site import PublicSite, encoded_keys
from fairmind_sync.handover.sealing import Encryption, PrivateKeys
from fairmind_sync.outbox import arrivals
from fairmind_sync.storage.tables import outbox_table
from tests.handover.odd_bundles import signed
from tests.handover.test_refusals import DELIVERY, OUTCOME, RESULT
from tests.handover.world import Site
from tests.support.databases import rows

CASES = 400
TIMES = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00Z", 1e300)
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**63, 1.5, "", "x", "x" * 5000, "a\n\x1b[31mb"),
    *("\0", "\ud800", "é", "AAAA", [], [1], {}, {"name": "x"}, {"name": [1]}, {"keys": "x"}),
    *('{"a": "b"}', '{"\\ud800": 1}', "[1]", "[" * 5000, "9" * 5000),
    *TIMES,
)
STRANGER = PrivateKeys.new()
NO_ENTRY = (
    b"",
    b"\n",
    b'{"epoch":NaN}\n',
    b"\xff\xfe\n",
    b"[\n",
    b"null\n",
    b"AAAA\n",
    b"\x00\n",
    b"[" * 5000 + b"\n",
)


def disturbed(chance: random.Random, value: dict[str, Any]) -> dict[str, Any]:
    """The object with up to two of its fields, at any depth, odd or gone."""
    changed = deepcopy(value)
    for _ in range(chance.choice([0, 1, 1, 2])):
        inner = changed
        while isinstance(below := inner[chance.choice([*inner])], dict) and below:
            inner = below
        name = chance.choice([*inner])
        if chance.random() < 0.3 and len(inner) > 1:
            del inner[name]
        else:
            inner[name] = deepcopy(chance.choice(ODD))
    return changed


def any_bundle(chance: random.Random, sender: Site, recipient: Site, key: str) -> bytes:
    keys, public = chance.choice(
        [(sender.own.private, sender.own.public), (STRANGER, PublicSite("s", STRANGER.public))]
    )
    header = header_of(
        chance.choice(["results", "receipts"]), "0" * 32, public, recipient.own.public, sequence=5
    )
    if chance.random() < 0.3:
        header["sealed"] = b64encode(Encryption(recipient.own.public.keys).sealed).decode()
    header = disturbed(chance, header)
    entry = RESULT if header.get("kind") == "results" else OUTCOME | {"key": key, "state": "dead"}
    odd = disturbed(chance, entry)
    if chance.random() < 0.3:
        odd["deliveries"] = [disturbed(chance, DELIVERY)]
    held = line_of(odd) if chance.random() < 0.7 else chance.choice(NO_ENTRY)
    body = line_of({"format": FORMAT, "version": VERSION, **header}) + held
    return body + trailer(keys.sign(sha512(body).digest()))


@pytest.mark.both_databases
def test_whatever_is_signed_is_read_or_refused(here: Site, courier: Site, tmp_path: Path) -> None:
    here.save()
    here.export(courier)
    chance, refused = random.Random(1), 0
    (delivery,) = rows(here.engine, outbox_table)
    for _ in range(CASES):
        (tmp_path / "odd").write_bytes(any_bundle(chance, courier, here, delivery.delivery_key))
        refused += here.refusal(tmp_path / "odd") is not None
    assert CASES / 2 < refused < CASES


def test_a_strangers_header_without_a_name_is_refused(
    home: Site, courier: Site, tmp_path: Path
) -> None:
    unnamed: dict[str, Any] = {"from": {"keys": encoded_keys(home.own.public)}}
    file = signed(home.own, tmp_path / "odd", courier, **unnamed)
    said = f"the header of {file} is not what this version knows: from.name: Field required."
    assert courier.refusal(file) == said


@pytest.mark.parametrize("sealed", ["", 0, False, "x", "AAAA"])
def test_what_is_said_to_be_encrypted_and_is_not(
    sealed: object, home: Site, courier: Site, tmp_path: Path
) -> None:
    file = signed(home.own, tmp_path / "odd", courier, RESULT, sealed=sealed)
    assert courier.refusal(file)


@pytest.mark.parametrize("time", TIMES[:2])
def test_a_time_that_no_clock_in_utc_shows(time: str) -> None:
    with pytest.raises(BundleError, match="created_at: no time in UTC"):
        carried.arriving(RESULT | {"created_at": time}, ())
    with pytest.raises(BundleError, match="finished_at: no time in UTC"):
        carried.told(OUTCOME | {"finished_at": time})


@pytest.mark.parametrize("kind", ["a\0b", "", "é", "x" * 33])
def test_a_kind_of_error_that_no_version_has(kind: str) -> None:
    with pytest.raises(BundleError, match="error_kind"):
        carried.told(OUTCOME | {"error_kind": kind})


def test_what_the_database_does_not_take_is_that_files_refusal(
    home: Site, courier: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_given: object) -> None:
        raise PayloadError("too odd.")

    home.save()
    file = home.export(courier).file
    monkeypatch.setattr(arrivals, "take_in", refuse)
    assert courier.refusal(file) == (
        f"{file} holds what this database can't take: too odd. What was read before that stays."
    )
