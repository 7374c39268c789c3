"""A site's keys: who may read them, where they are, and what is said when they aren't."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from fairmind_sync.errors import BundleError
from fairmind_sync.handover import identity, partners
from fairmind_sync.handover.public_site import (
    PublicSite,
    checked_name,
    name_of_host,
    site_of_line,
)
from fairmind_sync.handover.sealing import PrivateKeys
from fairmind_sync.storage import sqlite_file
from fairmind_sync.storage.engine import open_engine
from tests.handover.world import Site
from tests.support.partner import LINE, PARTNER


def key_file(site: Site) -> Path:
    return identity.key_file_of(site.engine, None)


def refusal(site: Site) -> str:
    with pytest.raises(BundleError) as error:
        identity.own_site(site.engine, None)
    return str(error.value)


def test_only_the_owner_may_read_the_keys(home: Site) -> None:
    file = identity.key_file_of(home.engine, None)
    file.unlink()
    identity.renew(home.engine, None)
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_name_of_new_keys_outlives_a_power_cut(
    home: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(identity, "sync_directory", synced.append)
    identity.renew(home.engine, None)
    assert synced == [key_file(home).parent]


def test_keys_that_others_may_read_are_refused(home: Site) -> None:
    key_file(home).chmod(0o640)
    assert f"chmod go-rwx {key_file(home)}" in refusal(home)


def test_an_identity_stays_the_same(home: Site) -> None:
    assert identity.own_site(home.engine, None).public == home.own.public


def test_the_keys_are_in_no_copy_of_the_database(home: Site, tmp_path: Path) -> None:
    sqlite_file.copy_to(home.engine, tmp_path / "copy.db")
    held = (tmp_path / "copy.db").read_bytes()
    secret = home.own.private.secret
    assert all(part not in held for part in (secret, base64.b64encode(secret)))
    assert home.own.public.line.split()[1].encode() in held


def test_a_copy_without_its_keys_says_where_they_belong(home: Site, tmp_path: Path) -> None:
    sqlite_file.copy_to(home.engine, tmp_path / "copy.db")
    copy = open_engine(f"sqlite:///{tmp_path / 'copy.db'}")
    with pytest.raises(BundleError, match="FAIRMIND_SYNC_SITE_KEY_FILE"):
        identity.own_site(copy, None)
    assert identity.own_site(copy, key_file(home)).public == home.own.public
    copy.dispose()


def test_the_keys_of_another_site_are_refused(home: Site, courier: Site) -> None:
    key_file(home).write_bytes(key_file(courier).read_bytes())
    assert "holds the keys of another site than home" in refusal(home)


@pytest.mark.parametrize("content", [b"", b"\xff", b"fairmind-site-key-1 AAAA", b"x y z"])
def test_a_file_without_keys_is_refused(home: Site, content: bytes) -> None:
    key_file(home).write_bytes(content)
    assert "holds no private keys" in refusal(home)


def test_a_place_that_cannot_be_written_is_told(home: Site, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BundleError, match="can't be written"):
        identity.renew(home.engine, tmp_path / "file" / "key")


def test_the_server_of_a_database_has_no_say_in_where_the_keys_are() -> None:
    urls = [f"postgresql+psycopg://u:{word}@h/db" for word in ("one", "two")]
    files = {identity.key_file_of(open_engine(url), None) for url in urls}
    assert len(files) == 1
    assert "site-key" in files.pop().name


def test_old_keys_are_kept_beside_new_ones(home: Site) -> None:
    old = home.own.private.secret
    assert identity.renew(home.engine, None).public != home.own.public
    (kept,) = key_file(home).parent.glob("*.old")
    assert base64.b64encode(old) in kept.read_bytes()


def test_a_line_says_all_of_a_site() -> None:
    assert site_of_line(f"{LINE}\n# with a remark\n") == PARTNER


@pytest.mark.parametrize(
    "line",
    [
        "",
        "fairmind-site-1",
        LINE.replace("fairmind-site-1", "fairmind-site-2"),
        LINE.replace(LINE[30], "_" if LINE[30] != "_" else "-", 1),
        LINE.replace(" partner", "A partner"),
        f"{LINE} more",
        LINE.replace("partner", "-x"),
        LINE.replace("partner", "x" * 64),
    ],
)
def test_a_line_with_a_mistake_is_refused(line: str) -> None:
    with pytest.raises(BundleError):
        site_of_line(line)


@pytest.mark.parametrize(
    ("host", "name"),
    [("lab-2.example", "lab-2.example"), ("B\u00fcro 1", "B-ro-1"), ("", "site"), ("...", "site")],
)
def test_a_host_gives_its_name(host: str, name: str) -> None:
    assert checked_name(name_of_host(host)) == name


def test_a_site_does_not_trust_itself(home: Site) -> None:
    with pytest.raises(BundleError, match="this site itself"):
        partners.trust(home.engine, home.own.public, home.own.public)


def test_another_site_of_a_trusted_name_is_refused(home: Site) -> None:
    other = PublicSite("courier", PrivateKeys.new().public)
    with pytest.raises(BundleError, match="distrust courier"):
        partners.trust(home.engine, home.own.public, other)


def test_with_several_partners_one_has_to_be_named(home: Site) -> None:
    with pytest.raises(BundleError, match="courier, other"):
        partners.partner(home.engine, None)
    assert partners.partner(home.engine, "other").name == "other"
    with pytest.raises(BundleError, match="'nobody'"):
        partners.partner(home.engine, "nobody")


def test_the_only_partner_need_not_be_named(home: Site) -> None:
    partners.distrust(home.engine, "other")
    assert partners.partner(home.engine, None).name == "courier"


def test_without_a_partner_is_said_what_to_do(home: Site) -> None:
    for name in ("courier", "other"):
        partners.distrust(home.engine, name)
    with pytest.raises(BundleError, match="no site is trusted yet"):
        partners.partner(home.engine, None)


def test_what_was_sealed_for_another_cannot_be_opened() -> None:
    with pytest.raises(BundleError, match="not encrypted to this site"):
        PrivateKeys.new().opened(b"x" * 100)
