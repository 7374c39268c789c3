"""How much a bundle may hold: to the byte, encrypted or not."""

from __future__ import annotations

import json
import math
from base64 import b64decode
from pathlib import Path

import pytest

from fairmind_sync import __version__
from fairmind_sync.errors import BundleError
from fairmind_sync.handover import checked_bundle, unsigned_bundle
from fairmind_sync.handover.bundle_format import line_of
from fairmind_sync.handover.sealing import Decryption, Encryption, PrivateKeys
from fairmind_sync.handover.unsigned_bundle import EntryTooLargeError, UnsignedBundle
from tests.handover.world import Site

KEYS = PrivateKeys(bytes(range(64)))


def size_of(
    file: Path, text: str, most_bytes: int = 10**6, *, is_encrypted: bool = False
) -> int | None:
    """How many bytes a bundle takes with an entry that holds the text; None where the entry has no room."""
    encryption = Encryption(KEYS.public) if is_encrypted else None
    unsigned = UnsignedBundle(file, {}, most_bytes, encryption)
    try:
        if not unsigned.add({"text": text}):
            return None
        unsigned.finish()
        return unsigned.sign(KEYS)
    finally:
        unsigned.close()


@pytest.mark.parametrize("is_encrypted", [False, True])
@pytest.mark.parametrize("text", ["", "1", "12"])
def test_a_bundle_is_filled_to_the_last_byte(tmp_path: Path, text: str, is_encrypted: bool) -> None:
    """Base64 takes three bytes at once: hence texts of three lengths."""
    size = size_of(tmp_path / "a", text, is_encrypted=is_encrypted)
    assert size == (tmp_path / "a").stat().st_size
    assert size_of(tmp_path / "b", text, size, is_encrypted=is_encrypted) == size
    assert size_of(tmp_path / "c", text, size - 1, is_encrypted=is_encrypted) is None


@pytest.mark.parametrize("text", ["123", "1234", "12345"])
def test_what_has_no_room_leaves_the_others_readable(tmp_path: Path, text: str) -> None:
    """Texts are decrypted in the order in which they were encrypted: none may be left out afterwards."""
    size = size_of(tmp_path / "a", text, is_encrypted=True) or 0
    encryption = Encryption(KEYS.public)
    unsigned = UnsignedBundle(tmp_path / "b", {}, size - 1, encryption)
    assert [unsigned.add({"text": one}) for one in (text, "")] == [False, True]
    unsigned.finish()
    unsigned.sign(KEYS)
    line = (tmp_path / "b").read_bytes().splitlines()[1]
    plain = Decryption(KEYS, encryption.sealed).decrypted(b64decode(line))
    assert json.loads(plain) == {"text": ""}


def test_an_entry_that_is_too_large_for_any_bundle_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = len(line_of({"text": "1"}))
    monkeypatch.setattr(unsigned_bundle, "MOST_LINE", line)
    assert size_of(tmp_path / "fits", "1") is not None
    with pytest.raises(EntryTooLargeError):
        size_of(tmp_path / "large", "x" * 2000)


@pytest.mark.parametrize("is_encrypted", [False, True])
def test_a_result_that_is_too_large_for_any_bundle_stops_no_other(
    home: Site, courier: Site, monkeypatch: pytest.MonkeyPatch, is_encrypted: bool
) -> None:
    monkeypatch.setattr(unsigned_bundle, "MOST_LINE", 2000)
    home.save(test_id="large", metadata={"text": "x" * 2000})
    with pytest.raises(BundleError) as refused:
        home.export(courier, is_encrypted=is_encrypted)
    assert str(refused.value) == (
        "a bundle can't hold a result as large as those of 'large'. Discard their deliveries, or deliver "
        "them another way."
    )
    home.save(test_id="small")
    written = home.export(courier, is_encrypted=is_encrypted)
    assert (written.deliveries, written.remaining, written.too_large) == (1, 0, ("large",))
    assert home.statuses() == ["pending", "handed_over"]


def test_a_result_that_has_no_room_is_named(home: Site, courier: Site) -> None:
    home.save(test_id="t")
    with pytest.raises(BundleError) as refused:
        home.export(courier, most_bytes=700)
    assert str(refused.value) == (
        "not even the oldest result, of test 't', has room: allow more with --max-size."
    )


def test_an_entry_that_is_larger_than_any_is_not_read(
    home: Site, courier: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.save()
    file = home.export(courier).file
    longest = len(file.read_bytes().splitlines(keepends=True)[1])
    monkeypatch.setattr(checked_bundle, "MOST_LINE", longest - 1)
    said = courier.refusal(file)
    assert said == "an entry of the bundle is larger than any that a site writes."
    monkeypatch.setattr(checked_bundle, "MOST_LINE", longest)
    assert courier.refusal(file) is None


def test_a_number_that_is_no_json_is_never_written() -> None:
    """Results are carried as text, so `NaN` stands in none of a bundle's numbers."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        line_of({"rate": math.nan})


def test_a_header_says_who_wrote_the_bundle_for_whom_and_by_which_version(
    home: Site, courier: Site
) -> None:
    home.save()
    written = home.export(courier)
    header = json.loads(written.file.read_bytes().splitlines()[0])
    public = home.own.public
    made_at = header.pop("made_at")
    assert made_at.endswith("+00:00")
    assert header == {
        "format": "fairmind-sync bundle",
        "version": 1,
        "product": __version__,
        "kind": "results",
        "key": written.bundle_key,
        "from": {"name": "home", "keys": public.line.split()[1]},
        "to": {"name": "courier", "fingerprint": courier.own.public.fingerprint},
    }
