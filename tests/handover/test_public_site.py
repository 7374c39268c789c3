"""A site as others know it: the line that says all of it, and its name."""

from __future__ import annotations

import pytest

from fairmind_sync.errors import BundleError
from fairmind_sync.handover.public_site import checked_name, name_of_host, site_of_line
from tests.support.partner import LINE, PARTNER

LINES = (
    "It is one line, as `fairmind-sync bundle identity` prints it there: fairmind-site-1 KEYS NAME."
)


@pytest.mark.parametrize(
    "text",
    [
        LINE,
        f"# a remark\n\n{LINE}\n# another\n",
        LINE.replace(" ", "\n"),
        LINE.replace(" ", " \t "),
    ],
    ids=["as printed", "remarks", "broken by a mail", "typed"],
)
def test_a_line_says_all_of_a_site(text: str) -> None:
    assert site_of_line(text) == PARTNER


@pytest.mark.parametrize(
    "line",
    [
        "",
        "fairmind-site-1",
        LINE.replace("fairmind-site-1", "fairmind-site-2"),
        f"{LINE} more",
    ],
)
def test_a_line_that_is_no_sites_is_refused(line: str) -> None:
    with pytest.raises(BundleError) as refused:
        site_of_line(line)
    assert str(refused.value) == f"this is no site's public identity. {LINES}"


@pytest.mark.parametrize(
    "line",
    [
        LINE.replace(LINE[30], "_" if LINE[30] != "_" else "-", 1),
        LINE.replace(" partner", "A partner"),
        LINE.replace(" partner", "* partner"),
        LINE.replace(" partner", "Bürger partner"),
    ],
    ids=["another letter", "one too many", "a sign", "of another script"],
)
def test_a_mistyped_letter_of_the_keys_is_noticed(line: str) -> None:
    with pytest.raises(BundleError) as refused:
        site_of_line(line)
    assert str(refused.value) == f"a letter of the site's keys is wrong or missing. {LINES}"


@pytest.mark.parametrize("name", ["-x", "x" * 64, "a/b", "ü"])
def test_a_name_that_no_host_has_is_refused(name: str) -> None:
    with pytest.raises(BundleError) as refused:
        site_of_line(LINE.replace("partner", name))
    assert str(refused.value) == (
        f"{name!r} can't be a site's name: take letters, digits, '.', '_' and '-', at most 63."
    )


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("lab-2.example", "lab-2.example"),
        ("X1", "X1"),
        ("B\u00fcro 1", "B-ro-1"),
        ("_.-a" + 70 * "b", "a" + 62 * "b"),
        ("", "site"),
        ("...", "site"),
    ],
)
def test_a_host_gives_its_name(host: str, name: str) -> None:
    assert checked_name(name_of_host(host)) == name
