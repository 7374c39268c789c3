"""A site's keys: who may read them, where they are, and what is said when they aren't."""

from __future__ import annotations

import base64
import os
import re
import socket
import sys
from pathlib import Path

import pytest

from fairmind_sync.errors import BundleError
from fairmind_sync.handover import identity, partners
from fairmind_sync.handover.public_site import PublicSite, name_of_host
from fairmind_sync.handover.sealing import PrivateKeys
from fairmind_sync.storage import sqlite_file
from fairmind_sync.storage.engine import open_engine
from fairmind_sync.storage.schema import ready_engine
from tests.handover.world import Site

WHERE = "Put the file back, or name its place in FAIRMIND_SYNC_SITE_KEY_FILE"


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


def test_the_first_use_makes_an_identity(tmp_path: Path) -> None:
    engine = ready_engine(f"sqlite:///{tmp_path / 'new.db'}")
    made = identity.own_site(engine, None)
    assert identity.own_site(engine, None).public == made.public
    assert (tmp_path / "new.db.site-key").stat().st_mode & 0o777 == 0o600
    engine.dispose()


def test_of_two_first_uses_at_once_both_have_the_same_keys(
    home: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = ready_engine(f"sqlite:///{tmp_path / 'new.db'}")
    file = tmp_path / "new.db.site-key"

    def meanwhile(_descriptor: int) -> None:
        if not file.exists():
            file.hardlink_to(key_file(home))

    monkeypatch.setattr(os, "fsync", meanwhile)
    assert identity.own_site(engine, None).public.keys == home.own.public.keys
    engine.dispose()


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
    assert refusal(home) == f"{key_file(home)} holds no private keys of a site. {WHERE}."


def test_a_file_of_keys_that_can_not_be_read_is_told(home: Site) -> None:
    key_file(home).unlink()
    key_file(home).mkdir(mode=0o700)
    assert refusal(home) == f"{key_file(home)} can't be read: Is a directory. {WHERE}."


def test_a_letter_too_many_in_the_keys_is_noticed(home: Site) -> None:
    key_file(home).write_bytes(key_file(home).read_bytes().replace(b" ", b" *"))
    assert "holds no private keys" in refusal(home)


def test_a_file_of_keys_that_is_not_there_is_told_with_the_way_out(home: Site) -> None:
    key_file(home).unlink()
    assert refusal(home) == (
        f"the private keys of this database's site home are not in {key_file(home)}. {WHERE}; if they are "
        "lost, run: fairmind-sync bundle identity --new"
    )


def test_keys_that_are_there_before_the_database_are_taken_as_they_are(
    home: Site, tmp_path: Path
) -> None:
    """As from a store of secrets, in a folder where nothing can be written."""
    (tmp_path / "secrets").mkdir()
    file = tmp_path / "secrets" / "key"
    file.write_bytes(key_file(home).read_bytes())
    file.chmod(0o400)
    before = file.parent.stat().st_mtime_ns
    engine = ready_engine(f"sqlite:///{tmp_path / 'new.db'}")
    assert identity.own_site(engine, file).public.keys == home.own.public.keys
    assert file.parent.stat().st_mtime_ns == before
    engine.dispose()


def test_a_place_that_cannot_be_written_is_told(home: Site, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    file = tmp_path / "file" / "key"
    with pytest.raises(BundleError) as refused:
        identity.renew(home.engine, file)
    assert str(refused.value) == (
        f"the site's private keys can't be written to {file}: File exists. "
        "Name another place in FAIRMIND_SYNC_SITE_KEY_FILE."
    )


def test_the_folder_of_new_keys_is_made_for_the_owner_alone(home: Site, tmp_path: Path) -> None:
    file = tmp_path / "a" / "b" / "key"
    identity.renew(home.engine, file)
    assert [*file.parent.iterdir()] == [file]
    assert file.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other folders")
def test_the_keys_for_a_database_on_a_server_are_in_the_accounts_own_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One file for each database, whatever its password."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    urls = [f"postgresql+psycopg://u:{word}@h/db" for word in ("one", "two")]
    (file,) = {identity.key_file_of(open_engine(url), None) for url in urls}
    assert file.parent == tmp_path / "fairmind-sync"
    assert re.fullmatch(r"site-[0-9a-f]{12}\.site-key", file.name)


def test_old_keys_are_kept_beside_new_ones(home: Site) -> None:
    old = home.own.private.secret
    assert identity.renew(home.engine, None).public != home.own.public
    (kept,) = key_file(home).parent.glob("*.old")
    assert base64.b64encode(old) in kept.read_bytes()


def test_new_keys_leave_a_site_its_name(home: Site) -> None:
    assert identity.renew(home.engine, None).public.name == "home"


def test_new_keys_of_a_database_without_a_site_have_the_hosts_name(tmp_path: Path) -> None:
    engine = ready_engine(f"sqlite:///{tmp_path / 'new.db'}")
    assert identity.renew(engine, None).public.name == name_of_host(socket.gethostname())
    engine.dispose()


def test_a_site_does_not_trust_itself(home: Site) -> None:
    with pytest.raises(BundleError) as refused:
        partners.trust(home.engine, home.own.public, home.own.public)
    said = "this is the identity of this site itself: carry it to the other one."
    assert str(refused.value) == said


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
