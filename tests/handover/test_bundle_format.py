"""A bundle is read whole and as it was signed, or refused by name; then nothing was changed."""

from __future__ import annotations

import json
import tempfile
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nacl.public import PublicKey, SealedBox

from fairmind_sync.errors import BundleError
from fairmind_sync.handover import carried
from fairmind_sync.handover.bundle_format import header_of, line_of
from fairmind_sync.handover.public_site import KEY_BYTES
from fairmind_sync.handover.sealing import Encryption
from fairmind_sync.handover.unsigned_bundle import UnsignedBundle
from tests.handover.odd_bundles import signed
from tests.handover.world import Site, world
from tests.support.values import for_all

CHANGED = "was changed since it was signed, or is damaged: nothing of it was read. Copy it again."


@pytest.fixture(scope="module", name="sites")
def sites_of_all_tests() -> Iterator[tuple[Site, Site, Site]]:
    with tempfile.TemporaryDirectory() as place:
        made = world(Path(place))
        yield made
        for site in made:
            site.engine.dispose()


@pytest.fixture(scope="module")
def written(sites: tuple[Site, Site, Site]) -> bytes:
    """A bundle of home for the courier, with two results."""
    home, courier, _ = sites
    home.save(results={"rate": float("nan")})
    home.save()
    return home.export(courier).file.read_bytes()


@pytest.fixture
def refused(sites: tuple[Site, Site, Site], tmp_path: Path) -> Callable[[bytes], str | None]:
    """Why the courier refuses such a file; nothing is saved there meanwhile."""

    def refusal(content: bytes) -> str | None:
        file = tmp_path / "changed.bundle"
        file.write_bytes(content)
        courier = sites[1]
        before = courier.records()
        said = courier.refusal(file)
        assert courier.records() == before
        return said

    return refusal


@pytest.mark.parametrize("part", ["header", "entry", "signature"])
def test_whatever_is_changed_is_noticed(
    part: str, written: bytes, refused: Callable[[bytes], str | None]
) -> None:
    """A letter in the middle of each part, and the one at its end, but for the end of the line."""
    lines = written.splitlines(keepends=True)
    number = {"header": 0, "entry": 1, "signature": len(lines) - 1}[part]
    for place in (len(lines[number]) // 2, len(lines[number]) - 4):
        letter = b"1" if lines[number][place : place + 1] != b"1" else b"2"
        changed = lines[number][:place] + letter + lines[number][place + 1 :]
        said = refused(b"".join([*lines[:number], changed, *lines[number + 1 :]]))
        assert said is not None
        assert f"changed.bundle {CHANGED}" in said or "changed.bundle is no bundle" in said


@settings(parent=for_all, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 10**9), bit=st.integers(0, 7))
def test_any_bit_that_is_flipped_is_noticed(
    written: bytes, refused: Callable[[bytes], str | None], place: int, bit: int
) -> None:
    changed = bytearray(written)
    changed[place % len(written)] ^= 1 << bit
    assert refused(bytes(changed)) is not None


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (lambda lines: lines[:-1], "is not whole"),
        (lambda lines: [*lines[:-1], lines[-1][:-9]], "is not whole"),
        (lambda lines: [lines[0], lines[-1]], CHANGED),
        (lambda lines: [lines[0], *lines[2:]], CHANGED),
        (lambda lines: [lines[0], lines[2], lines[1], lines[3]], CHANGED),
        (lambda lines: [*lines[:2], lines[1], *lines[2:]], CHANGED),
        (lambda lines: [*lines, lines[-1]], CHANGED),
        (lambda lines: [lines[0].replace(b"{", b"{ ", 1), *lines[1:]], CHANGED),
        (lambda _lines: [], "is no bundle"),
        (lambda _lines: [b"{}\n"], "is no bundle"),
        (lambda _lines: [b"[" * 60_000], "is no bundle"),
        (lambda _lines: [bytes(200_000)], "is no bundle"),
        (lambda lines: [lines[0].replace(b'"version":1', b'"version":2'), *lines[1:]], "newer"),
    ],
)
def test_what_is_cut_mixed_or_foreign_is_refused(
    changed: Callable[[list[bytes]], list[bytes]],
    said: str,
    written: bytes,
    refused: Callable[[bytes], str | None],
) -> None:
    assert said in str(refused(b"".join(changed(written.splitlines(keepends=True)))))


def test_a_bundle_that_was_not_signed_is_not_whole(sites: tuple[Site, Site, Site]) -> None:
    """As a crash leaves it, after the deliveries were handed over and before the signature."""
    home, courier, _ = sites
    header = header_of("results", "0" * 32, home.own.public, courier.own.public)
    file = home.place / "unsigned.bundle"
    unsigned = UnsignedBundle(file, header, 10**6)
    unsigned.finish()
    (part,) = home.place.glob("unsigned.bundle.*")
    assert "was never signed" in str(courier.refusal(part))
    unsigned.close()
    assert [*home.place.glob("unsigned.*")] == []


def entry_of(written: bytes) -> dict[str, object]:
    found: dict[str, object] = json.loads(written.splitlines()[1])
    return found


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"deliveries": []}, "not what this version knows: deliveries"),
        ({"revision": 0}, "not what this version knows: revision"),
        ({"results": "{"}, "can't be saved"),
        ({"results": "[]"}, "must be a dictionary"),
        ({"test_id": ""}, "must be a text that is not empty"),
        ({"deliveries": [{"provider": "carrier", "key": "1" * 32, "epoch": 1}]}, "'carrier'"),
        ({"deliveries": [{"provider": "mlflow", "key": "1", "epoch": 1}]}, "deliveries.0.key"),
        ({"deliveries": 2 * [{"provider": "mlflow", "key": "1" * 32, "epoch": 1}]}, "twice"),
    ],
)
def test_an_entry_that_makes_no_sense_refuses_the_whole_bundle(
    changes: dict[str, object],
    said: str,
    sites: tuple[Site, Site, Site],
    written: bytes,
    tmp_path: Path,
) -> None:
    home, courier, _ = sites
    good = entry_of(written) | {
        "test_id": "good",
        "deliveries": [{"provider": "mlflow", "key": "f" * 32, "epoch": 1}],
    }
    file = signed(home.own, tmp_path / "odd", courier, good, entry_of(written) | changes)
    before = courier.records()
    assert said in str(courier.refusal(file))
    assert courier.records() == before


def test_receipts_that_name_no_run_are_refused(
    sites: tuple[Site, Site, Site], tmp_path: Path
) -> None:
    home, courier, _ = sites
    outcome = {"provider": "mlflow", "key": "1" * 32, "epoch": 1, "was_tried": True}
    told = outcome | {"state": "delivered"}
    file = signed(courier.own, tmp_path / "odd", home, told, kind="receipts")
    assert "names no run" in str(home.refusal(file))


def test_receipts_without_a_number_are_refused(
    sites: tuple[Site, Site, Site], tmp_path: Path
) -> None:
    home, courier, _ = sites
    file = signed(courier.own, tmp_path / "odd", home, kind="receipts", sequence="1")
    assert "no number" in str(home.refusal(file))


def test_what_was_encrypted_to_another_key_is_refused(
    sites: tuple[Site, Site, Site], tmp_path: Path
) -> None:
    home, courier, other = sites
    too_little = bytes(SealedBox(PublicKey(courier.own.public.keys[KEY_BYTES:])).encrypt(b"x" * 40))
    for sealed in (Encryption(other.own.public.keys).sealed, b"no seal", too_little):
        text = b64encode(sealed).decode()
        file = signed(home.own, tmp_path / "odd", courier, {}, sealed=text)
        said = "what the bundle holds was not encrypted to this site's key."
        assert courier.refusal(file) == said


def test_an_entry_that_was_not_encrypted_with_the_others_is_refused(
    sites: tuple[Site, Site, Site], tmp_path: Path
) -> None:
    home, courier, _ = sites
    sealed = b64encode(Encryption(courier.own.public.keys).sealed).decode()
    file = signed(home.own, tmp_path / "odd", courier, "A" * 60, sealed=sealed)
    assert "not encrypted to this site's key" in str(courier.refusal(file))


def test_a_file_that_is_not_there_is_told(sites: tuple[Site, Site, Site], tmp_path: Path) -> None:
    assert "can't be read: No such file" in str(sites[1].refusal(tmp_path / "absent"))


def test_a_kind_of_bundle_that_is_not_known_is_refused(
    sites: tuple[Site, Site, Site], tmp_path: Path
) -> None:
    home, courier, _ = sites
    file = signed(home.own, tmp_path / "odd", courier, kind="recipes")
    assert "'recipes'" in str(courier.refusal(file))


def test_an_encrypted_bundle_shows_no_result(sites: tuple[Site, Site, Site]) -> None:
    home, courier, _ = sites
    home.save(test_id="a-secret-test")
    file = home.export(courier, is_encrypted=True).file
    assert b"a-secret-test" not in file.read_bytes()
    courier.read(file)
    assert "a-secret-test" in [one.test_id for one in courier.records()]


def test_the_same_content_makes_the_same_bytes() -> None:
    assert line_of({"b": 1, "a": [1.5, None]}) == b'{"a":[1.5,null],"b":1}\n'


def test_a_delivery_that_is_there_twice_is_noticed() -> None:
    with pytest.raises(BundleError, match="twice"):
        carried.once(iter(["a", "b", "a"]))
