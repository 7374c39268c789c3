"""Each refusal of a bundle says word for word what is wrong, and what to do about it."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from fairmind_sync.errors import BundleError
from fairmind_sync.handover import carried, checked_bundle, partners, reading_bundles
from fairmind_sync.handover.bundle_format import FORMAT, UNSIGNED, VERSION, line_of, trailer
from fairmind_sync.handover.sealing import Encryption
from tests.handover.odd_bundles import signed
from tests.handover.world import Site

KEY = "1" * 32
OUTCOME: dict[str, object] = {
    "provider": "mlflow",
    "key": KEY,
    "epoch": 1,
    "state": "pending",
    "was_tried": True,
}
DELIVERY: dict[str, object] = {"provider": "mlflow", "key": KEY, "epoch": 1}
RESULT: dict[str, object] = {
    **dict.fromkeys(("user_id", "model_id", "dataset_id", "test_type"), "x"),
    **dict.fromkeys(("results", "metadata"), "{}"),
    "test_id": "t",
    "revision": 1,
    "created_at": "2026-01-02T03:04:05Z",
    "deliveries": [DELIVERY],
}
UPGRADE = "Upgrade this installation: pip install --upgrade fairmind-sync."
ODD = "an entry of the bundle is not what this version knows"
NEVER_SIGNED = (
    "was never signed: whoever wrote it was interrupted. Have it written again by: "
    "fairmind-sync bundle export --again"
)
NOT_WHOLE = (
    "is not whole: its end is missing. Copy it again; if it was never whole, have it written again by: "
    "fairmind-sync bundle export --again"
)
UNKNOWN_CARRIER = (
    f"the bundle holds deliveries to 'carrier', which this version doesn't know. {UPGRADE}"
)


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ([RESULT, RESULT], f"the bundle holds the delivery {KEY} twice."),
        ([RESULT | {"deliveries": [DELIVERY | {"provider": "carrier"}]}], UNKNOWN_CARRIER),
        (
            [RESULT | {"results": "[]"}],
            "the result of test 't' can't be saved: results must be a dictionary, not a builtins.list.",
        ),
        (
            [RESULT | {"revision": 0}],
            f"{ODD}: revision: Input should be greater than or equal to 1.",
        ),
        (
            [RESULT | {"revision": 2**30}],
            f"{ODD}: revision: Input should be less than or equal to 1073741823.",
        ),
        (
            [RESULT | {"deliveries": [DELIVERY | {"epoch": 2**31}]}],
            f"{ODD}: deliveries.0.epoch: Input should be less than or equal to 2147483647.",
        ),
        (
            [5],
            f"{ODD}: the whole: Input should be a valid dictionary or instance of CarriedResult.",
        ),
    ],
    ids=["twice", "provider", "result", "revision", "high revision", "epoch", "no object"],
)
def test_a_result_that_makes_no_sense(
    held: list[object], said: str, home: Site, courier: Site, tmp_path: Path
) -> None:
    assert courier.refusal(signed(home.own, tmp_path / "odd", courier, *held)) == said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"provider": "carrier"}, UNKNOWN_CARRIER),
        ({"state": "delivered"}, "an entry of the receipts says delivered, and names no run."),
    ],
    ids=["provider", "run"],
)
def test_receipts_that_make_no_sense(
    changes: dict[str, object], said: str, home: Site, courier: Site, tmp_path: Path
) -> None:
    file = signed(courier.own, tmp_path / "odd", home, OUTCOME | changes, kind="receipts")
    assert home.refusal(file) == said


@pytest.mark.parametrize("sequence", [0, 2**62, "1", True, None], ids=repr)
def test_receipts_whose_number_is_none(
    sequence: object, home: Site, courier: Site, tmp_path: Path
) -> None:
    file = signed(courier.own, tmp_path / "odd", home, kind="receipts", sequence=sequence)
    said = home.refusal(file)
    assert said == f"{file} has no number by which receipts are put in order."


def test_receipts_may_have_any_number_that_a_database_holds(
    home: Site, courier: Site, tmp_path: Path
) -> None:
    for number in (1, 2**62 - 1):
        file = signed(courier.own, tmp_path / f"{number}", home, kind="receipts", sequence=number)
        assert home.refusal(file) is None


def test_a_kind_of_bundle_that_is_not_known(home: Site, courier: Site, tmp_path: Path) -> None:
    file = signed(home.own, tmp_path / "odd", courier, kind="recipes")
    assert courier.refusal(file) == (
        f"{file} holds 'recipes', which this version doesn't know. {UPGRADE}"
    )


def test_a_bundle_without_a_key(home: Site, courier: Site, tmp_path: Path) -> None:
    file = signed(home.own, tmp_path / "odd", courier, key=f"{KEY}1")
    assert courier.refusal(file) == f"{file} has no key of a bundle."


def test_an_entry_that_is_no_json(home: Site, courier: Site, tmp_path: Path) -> None:
    sealed = b64encode(Encryption(courier.own.public.keys).sealed).decode()
    file = signed(home.own, tmp_path / "odd", courier, "A", sealed=sealed)
    assert courier.refusal(file) == "an entry of the bundle is no JSON."


def header(**more: object) -> bytes:
    return line_of({"format": FORMAT, "version": VERSION, **more})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            header(version=2),
            f"is a bundle of a newer fairmind-sync (format 2; this version knows 1). {UPGRADE}",
        ),
        (b"{}\n", "is no bundle of fairmind-sync."),
        (header(note="x" * 64 * 1024), "is no bundle of fairmind-sync."),
        (
            header() + trailer(b"x" * len(UNSIGNED)),
            "was changed since it was signed, or is damaged: nothing of it was read. Copy it again.",
        ),
        (header() + b"x" * (len(trailer(UNSIGNED)) - 1) + b"\n", NOT_WHOLE),
        (header(kind="receipts"), f"{NOT_WHOLE.removesuffix('export --again')}receipts"),
        (header() + trailer(UNSIGNED), NEVER_SIGNED),
    ],
    ids=[
        *("newer", "no bundle", "too long a header", "changed", "cut at the end of a line"),
        *("cut receipts", "never signed"),
    ],
)
def test_a_file_that_is_no_bundle_of_this_version(
    content: bytes, said: str, home: Site, tmp_path: Path
) -> None:
    (tmp_path / "odd").write_bytes(content)
    assert home.refusal(tmp_path / "odd") == f"{tmp_path / 'odd'} {said}"


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_a_file_that_is_about_as_long_as_a_signature(more: int, home: Site, tmp_path: Path) -> None:
    """It has no room for a header and a signature, whatever it is."""
    begins = header().removesuffix(b"\n")
    content = begins.ljust(len(trailer(UNSIGNED)) + more - 1) + b"\n"
    (tmp_path / "odd").write_bytes(content)
    assert home.refusal(tmp_path / "odd") == f"{tmp_path / 'odd'} {NOT_WHOLE}"


def test_a_file_that_is_too_large_by_a_byte(
    home: Site, courier: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checked_bundle, "_PIECE", 100)
    home.save()
    file = home.export(courier).file
    size = file.stat().st_size

    def read(most: int) -> None:
        reading_bundles.read(courier.engine, courier.own, file, (), most_bytes=most)

    with pytest.raises(BundleError) as refused:
        read(size - 1)
    read(size)
    assert str(refused.value) == (
        f"{file} has more than {size - 1:,} bytes. If it is right, read it with --max-size."
    )


def test_a_bundle_for_another_site(home: Site, courier: Site, other: Site) -> None:
    home.save()
    assert other.refusal(home.export(courier).file) == (
        "the bundle of site home is for site courier, and this is site other. Carry it there: here its runs "
        "could be made a second time."
    )


def test_a_bundle_that_names_no_site(home: Site, courier: Site, tmp_path: Path) -> None:
    file = signed(home.own, tmp_path / "odd", courier, to=5)
    assert courier.refusal(file) == (
        f"the header of {file} is not what this version knows: to: Input should be a valid dictionary or "
        "instance of _NamedRecipient."
    )


def test_a_bundle_of_a_stranger(home: Site, courier: Site) -> None:
    home.save()
    partners.distrust(courier.engine, "home")
    public = home.own.public
    assert courier.refusal(home.export(courier).file) == (
        "the bundle is signed by a site home that isn't trusted here; its fingerprint is "
        f"{public.shown_fingerprint}. If the people there read the same to you, run: "
        f"fairmind-sync bundle trust '{public.line}'"
    )


@pytest.mark.parametrize(
    ("stated", "kept"), [("waiting", "waiting"), ("burnt", None), (None, None)]
)
def test_how_far_evidence_is_at_a_newer_site_is_left_open(stated: Any, kept: str | None) -> None:
    told = carried.told(OUTCOME | {"evidence_state": stated, "evidence_reason": "no room"})
    assert (told.evidence_state, told.evidence_reason) == (kept, "no room")
