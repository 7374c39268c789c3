"""Bundles at the command line: what people type, and what they are told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine

from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import outbox_table
from tests.support.clock import NOW
from tests.support.deliveries import save
from tests.support.partner import LINE, PARTNER, handed_over, partner_trusted
from tests.support.processes import command


@pytest.fixture
def env(engine: Engine) -> dict[str, str]:
    return {
        "MLOPS_PROVIDER": "mlflow",
        "FAIRMIND_SYNC_DATABASE_URL": engine.url.render_as_string(),
    }


def said(env: dict[str, str], *words: str) -> tuple[int, str]:
    """The exit code, and what is printed and said beside."""
    ended = command("bundle", *words, env=env, check=False)
    return ended.returncode, ended.stdout + ended.stderr


def test_a_site_is_trusted_by_the_file_that_its_identity_was_written_to(
    env: dict[str, str], tmp_path: Path
) -> None:
    """With the line of the fingerprint, as it was printed."""
    file = tmp_path / "partner.site"
    file.write_text(f"{LINE}\n# site partner, fingerprint {PARTNER.shown_fingerprint}\n")
    code, text = said(env, "trust", str(file))
    assert (code, PARTNER.shown_fingerprint in text) == (0, True)
    assert "was trusted already" in said(env, "trust", LINE)[1]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("USB DISK/courier.site", (0, "site partner is trusted; its")),
        ("nowhere/courier.site", (1, "nor a file that can be read: No such file or directory")),
        (LINE, (0, "site partner is trusted; its")),
        (f"# the courier's\n{LINE}", (0, "site partner is trusted; its")),
    ],
)
def test_what_is_no_line_is_the_name_of_a_file(
    env: dict[str, str], name: str, expected: tuple[int, str]
) -> None:
    Path("USB DISK").mkdir()
    Path("USB DISK/courier.site").write_text(f"# the courier's\n{LINE}\n")
    code, text = said(env, "trust", name)
    assert (code, expected[1] in text) == (expected[0], True)


def test_an_identity_has_the_name_that_it_was_given(env: dict[str, str]) -> None:
    assert said(env, "identity", "--name", "lab-2")[1].splitlines()[0].endswith(" lab-2")
    assert json.loads(said(env, "identity", "--json")[1])["name"] == "lab-2"


def test_new_keys_are_another_identity(env: dict[str, str]) -> None:
    before = json.loads(said(env, "identity", "--json")[1])
    after = json.loads(said(env, "identity", "--new", "--yes", "--json")[1])
    assert before["name"] == after["name"]
    assert before["fingerprint"] != after["fingerprint"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ((), "by this site (1 delivery) or to it, is heard of no more"),
        (("--yes", "--name", "lab 2"), "'lab 2' can't be a site's name"),
    ],
)
def test_new_keys_that_are_refused_leave_the_site_its_old_ones(
    env: dict[str, str], engine: Engine, words: tuple[str, ...], reason: str
) -> None:
    handed_over(engine)
    before = json.loads(said(env, "identity", "--json")[1])
    code, text = said(env, "identity", "--new", *words)
    assert (code, reason in text) == (1, True)
    assert json.loads(said(env, "identity", "--json")[1]) == before


def test_new_keys_tell_how_many_deliveries_are_out(env: dict[str, str], engine: Engine) -> None:
    """Beside the line that is carried to other sites, which is all on standard output."""
    handed_over(engine)
    ended = command("bundle", "identity", "--new", "--yes", env=env, check=False)
    assert ended.stdout.splitlines()[0].startswith("fairmind-site-1 ")
    assert "by this site (1 delivery) or to it" in ended.stderr
    assert "fairmind-sync bundle list, bundle take-back BUNDLE" in ended.stderr


def test_an_export_says_what_it_wrote_for_whom(env: dict[str, str], engine: Engine) -> None:
    partner_trusted(engine)
    code, text = said(env, "export", "out.bundle")
    assert (code, text) == (
        0,
        "wrote out.bundle for site partner: 1 delivery of 1 result, 0.0 MB\n",
    )
    assert said(env, "export", "two.bundle") == (0, "nothing is pending for site partner\n")


def test_an_export_without_a_partner_says_what_to_do(env: dict[str, str], engine: Engine) -> None:
    save(engine, "mlflow")
    code, text = said(env, "export", "out.bundle")
    assert (code, "fairmind-sync bundle trust LINE" in text) == (1, True)


def test_an_export_takes_what_was_saved_while_the_provider_was_misspelt(
    env: dict[str, str], engine: Engine
) -> None:
    """No daemon and no drain need ever run where there is no network."""
    partner_trusted(engine)
    save(engine, "undecided", test_id="u")
    assert "2 deliveries of 2 results" in said(env, "export", "out.bundle")[1]


def test_a_size_that_is_none_is_refused(env: dict[str, str], engine: Engine) -> None:
    partner_trusted(engine)
    code, text = said(env, "export", "out.bundle", "--max-size", "much")
    assert (code, "'much' is no size" in text) == (2, True)


def test_what_has_no_room_is_told(env: dict[str, str], engine: Engine) -> None:
    partner_trusted(engine)
    save(engine, "mlflow", test_id="u")
    text = said(env, "export", "out.bundle", "--max-size", "1100")[1]
    assert "1 more had no room" in text


def test_what_is_too_large_for_any_bundle_is_named(env: dict[str, str], engine: Engine) -> None:
    partner_trusted(engine)
    save(engine, "mlflow", test_id="large", metadata={"text": "x" * 2000})
    program = (
        "from fairmind_sync import cli; from fairmind_sync.handover import unsigned_bundle; "
        "unsigned_bundle.MOST_LINE = 2000; cli.main()"
    )
    words = [sys.executable, "-c", program, "bundle", "export", "out.bundle"]
    ended = subprocess.run(words, env={**os.environ, **env}, capture_output=True, check=True)
    told = "\nlarger than a bundle can hold, and left out: the results of 'large'\n"
    assert ended.stdout.decode().endswith(told)


def test_each_refused_file_is_told_and_the_others_are_read(
    env: dict[str, str], engine: Engine
) -> None:
    Path("wrong.bundle").write_text("{}")
    written = handed_over(engine, Path("out.bundle"))
    code, text = said(env, "import", "wrong.bundle", str(written.file))
    assert code == 1
    assert "wrong.bundle is no bundle" in text
    assert "out.bundle: the bundle of site" in text
    assert "for site partner, and this is site" in text


def test_taking_back_asks_for_a_promise_first(env: dict[str, str], engine: Engine) -> None:
    key = handed_over(engine).bundle_key
    code, text = said(env, "take-back", key[:8])
    assert (code, "1 delivery would be pending here again" in text) == (1, True)
    assert said(env, "take-back", key[:8], "--yes") == (
        0,
        "1 delivery taken back from site partner\n",
    )
    code, text = said(env, "take-back", key[:8])
    assert (code, "nothing was taken back: each delivery has an outcome, or was" in text) == (
        1,
        True,
    )


def test_what_is_dead_stays_dead_when_it_is_taken_back(env: dict[str, str], engine: Engine) -> None:
    partner_trusted(engine)
    save(engine, "mlflow", test_id="u")
    key = json.loads(said(env, "export", "out.bundle", "--json")[1])["bundle_key"]

    def told_once_dead(delivery_id: int) -> str:
        died = outbox_table.update().values(status="dead", finished_at=NOW)
        with writing(engine) as connection:
            connection.execute(died.where(outbox_table.c.id == delivery_id))
        return said(env, "take-back", key[:8])[1].partition(", and site")[0]

    would = "1 delivery would be pending here again and 1 delivery would stay dead"
    assert told_once_dead(1) == f"fairmind-sync: {would}"
    assert told_once_dead(2) == "fairmind-sync: 2 deliveries would stay dead"


def test_taking_back_what_went_out_again_names_the_newer_bundle(
    env: dict[str, str], engine: Engine
) -> None:
    key = handed_over(engine).bundle_key
    said(env, "export", "again.bundle", "--again")
    code, text = said(env, "take-back", key[:8], "--yes")
    assert (code, "what the bundle held went out again in newer ones. See:" in text) == (1, True)


def test_taking_back_prints_json(env: dict[str, str], engine: Engine) -> None:
    key = handed_over(engine).bundle_key
    printed = json.loads(said(env, "take-back", key, "--yes", "--json")[1])
    assert printed == {"bundle": key, "changed": 1}


def test_a_site_with_deliveries_is_not_forgotten_silently(
    env: dict[str, str], engine: Engine
) -> None:
    handed_over(engine)
    text = said(env, "distrust", "partner")[1]
    assert "it has 1 delivery" in text
    assert "fairmind-sync bundle list, bundle take-back BUNDLE" in text


def test_a_list_that_is_cut_says_so(env: dict[str, str], engine: Engine) -> None:
    handed_over(engine)
    said(env, "export", "again.bundle", "--again")
    assert (
        "1 of 2 bundles, the newest first; more with --limit"
        in said(env, "list", "--limit", "1")[1]
    )
    assert "more with --limit" not in said(env, "list", "--limit", "2")[1]


def test_status_counts_what_is_handed_over(env: dict[str, str], engine: Engine) -> None:
    handed_over(engine)
    shown = command("status", "--json", env=env, check=False).stdout
    mlflow = json.loads(shown)["providers"]["mlflow"]
    assert (mlflow["pending"], mlflow["handed_over"]) == (0, 1)
