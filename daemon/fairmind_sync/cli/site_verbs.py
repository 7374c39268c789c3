"""Verbs on sites: bundle identity, trust, trusted, distrust."""

from __future__ import annotations

from operator import itemgetter
from pathlib import Path
from typing import Annotated

import typer

from fairmind_sync.cli.bundle_verbs import bundle, own_site
from fairmind_sync.cli.command import AsJson, by_command, current_settings, opened
from fairmind_sync.cli.how_many import rest_of
from fairmind_sync.cli.listing import Column, Listing
from fairmind_sync.cli.output import fail, print_json, say
from fairmind_sync.cli.showing import show
from fairmind_sync.cli.when import shown
from fairmind_sync.text import counted

__all__ = ["bundle"]


@bundle.command()
def identity(
    name: Annotated[str | None, typer.Option(help="Call this site so from now on.")] = None,
    *,
    new: Annotated[
        bool, typer.Option("--new", help="Make new keys; every other site has to trust them anew.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Make new keys without asking for it first.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print this site's public identity: one line to carry to other sites, and its fingerprint.

    Example: fairmind-sync bundle identity --name lab-2
    """
    from fairmind_sync.handover import identity as identities
    from fairmind_sync.handover.public_site import checked_name
    from fairmind_sync.outbox import sites
    from fairmind_sync.storage.engine import reading

    if name is not None:
        checked_name(name)
    settings = current_settings()
    engine = opened(settings)
    with reading(engine) as connection:
        held = sites.held_by(connection)
    if new and not yes:
        fail(
            f"every other site has to trust the new keys, and {_lost(held)}. If that is wanted: --yes"
        )
    site = (identities.renew if new else identities.own_site)(engine, settings.site_key_file)
    if name is not None:
        site = identities.rename(engine, site, name)
    public = site.public
    if as_json:
        told = {"name": public.name, "fingerprint": public.fingerprint, "line": public.line}
        print_json(told | {"handed_over": held})
        return
    say(public.line)
    say(f"# site {public.name}, fingerprint {public.shown_fingerprint}")
    if new:
        say(f"{_lost(held)}: fairmind-sync bundle list, bundle take-back BUNDLE", is_wrong=True)


@bundle.command()
def trust(
    line_or_file: Annotated[
        str, typer.Argument(metavar="LINE", help="What 'bundle identity' prints there, or a file.")
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Trust another site: read its bundles, and write bundles for it.

    Compare the fingerprint with the people there, by telephone for instance.

    Example: fairmind-sync bundle trust /media/stick/courier.site
    """
    from fairmind_sync.handover import partners
    from fairmind_sync.handover.public_site import site_of_line

    engine, own = own_site()
    site = site_of_line(_text(line_or_file))
    changed = partners.trust(engine, own.public, site, by_command())
    if as_json:
        print_json({"name": site.name, "fingerprint": site.fingerprint, "changed": changed})
    else:
        how = "is trusted" if changed else "was trusted already"
        say(f"site {site.name} {how}; its fingerprint is {site.shown_fingerprint}")


@bundle.command()
def trusted(*, as_json: AsJson = False) -> None:
    """List the sites that are trusted, and how many deliveries each has of this one.

    Example: fairmind-sync bundle trusted
    """
    from fairmind_sync.outbox import sites
    from fairmind_sync.storage.engine import reading

    engine, _ = own_site()
    with reading(engine) as connection:
        found = [
            {
                "name": site.name,
                "fingerprint": site.fingerprint,
                "trusted_at": trusted_at,
                "handed_over": sites.held_by(connection, site.fingerprint),
            }
            for site, trusted_at in sites.trusted(connection)
        ]
    if as_json:
        print_json(found)
        return
    columns = [
        Column("site", itemgetter("name")),
        Column("fingerprint", itemgetter("fingerprint")),
        Column("trusted since", lambda row: shown(row["trusted_at"])),
        Column("handed over", itemgetter("handed_over"), is_number=True),
    ]
    show(Listing(columns, found), *rest_of(len(found), len(found), "sites"))


@bundle.command()
def distrust(
    site: Annotated[str, typer.Argument(help="Its name, or its fingerprint.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Trust a site no longer: its bundles and receipts are refused from then on.

    Example: fairmind-sync bundle distrust courier
    """
    from fairmind_sync.handover import partners

    engine, _ = own_site()
    found, held = partners.distrust(engine, site, by_command())
    if as_json:
        print_json({"name": found.name, "fingerprint": found.fingerprint, "handed_over": held})
        return
    say(f"site {found.name} is trusted no longer")
    if held:
        held_there = counted(held, "delivery", "deliveries")
        say(
            f"it has {held_there}: to hear of these, trust it again; if it has new keys or is gone, take "
            "each bundle back and export again: fairmind-sync bundle list, bundle take-back BUNDLE"
        )


def _lost(held: int) -> str:
    """Returns in words what nobody hears of any more once this site has new keys."""
    out = counted(held, "delivery", "deliveries")
    return (
        f"what is handed over now, by this site ({out}) or to it, is heard of no more, until the site that "
        "handed it over takes it back and exports it again"
    )


def _text(line_or_file: str) -> str:
    """Returns the line, or what the file of that name holds, which may have spaces in it."""
    from fairmind_sync.errors import BundleError
    from fairmind_sync.handover.public_site import is_line

    if is_line(line_or_file):
        return line_or_file
    try:
        return Path(line_or_file).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise BundleError(
            f"{line_or_file!r} is neither a site's public identity nor a file that can be read: "
            f"{error.strerror}."
        ) from error
